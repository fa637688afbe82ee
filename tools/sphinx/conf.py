"""The settings of book/_config.yml for Sphinx alone, without Jupyter Book.

    sphinx-build -c tools/sphinx book/_build/source OUTPUT       (`make sphinx`)

Jupyter Book 1 reads its own file of settings and hands Sphinx the same values. This file does it
without Jupyter Book, so that the book does not depend on it: MyST-NB reads the chapters,
sphinx-external-toc the table of contents, and the theme is sphinx-book-theme.
"""

import sys
from pathlib import Path
from typing import Any

import yaml

BOOK = Path(__file__).resolve().parents[2] / "book"
GIVEN: dict[str, Any] = yaml.safe_load((BOOK / "_config.yml").read_text("utf-8"))
SPHINX: dict[str, Any] = GIVEN["sphinx"]

sys.path[:0] = [str(BOOK / folder) for folder in set(SPHINX["local_extensions"].values())]

project = GIVEN["title"]
author = GIVEN["author"]
copyright = GIVEN["copyright"]
exclude_patterns = GIVEN["exclude_patterns"]

external_toc_path = str(BOOK / "_toc.yml")
external_toc_exclude_missing = GIVEN["only_build_toc_files"]
nb_execution_mode = GIVEN["execute"]["execute_notebooks"]
nb_output_stderr = GIVEN["execute"]["stderr_output"]
myst_enable_extensions = GIVEN["parse"]["myst_enable_extensions"]
myst_dmath_double_inline = GIVEN["parse"]["myst_dmath_double_inline"]
bibtex_bibfiles = [str(BOOK / name) for name in GIVEN["bibtex_bibfiles"]]
html_logo = str(BOOK / GIVEN["logo"])
html_favicon = str(BOOK / GIVEN["html"]["favicon"])
html_sourcelink_suffix = ""
suppress_warnings = ["myst.domains"]

globals().update(SPHINX["config"])
extensions = [name for name in SPHINX["config"]["extensions"] if name != "jupyter_book"]
extensions.append("sphinx_multitoc_numbering")

# Paths in the settings are below book/, and Sphinx takes them from the folder of this file.
html_static_path = [str(BOOK / name) for name in SPHINX["config"]["html_static_path"]]
intersphinx_mapping = {
    name: (address, str(BOOK / file))
    for name, (address, file) in SPHINX["config"]["intersphinx_mapping"].items()
}
