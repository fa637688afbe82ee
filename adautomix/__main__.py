"""Entry point of `python -m adautomix`."""

import sys

from adautomix.cli import main

sys.exit(main())
