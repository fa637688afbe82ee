#!/usr/bin/env bash
# OpenCV's fine-grained saliency of a floating-point image depends on digits that no eye and no 8-bit image can see.
#
# Package: opencv-contrib-python-headless 5.0.0.93, with numpy 2.4.6.
# Input: a valid float32 image of whole numbers from 0 to 255, and the same image plus at most 0.0001.
# Expected: both saliency maps agree to about 0.0001 of the range, since the images do.
# Seen: the maps differ by a third of their range, at 0 / 1 as lowest and highest values; converted to 8 bits first,
# both images give one and the same map. For floats the method looks at a single byte of each number in memory.
# Who meets it: SaliencyMix's published code gives it floats, so its boxes follow these bytes.
#
# Output when this was written:
#   OpenCV 5.0.0
#   largest difference of the maps of floats: 0.32
#   largest difference of the maps of 8-bit images: 0.00
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check opencv-contrib-python-headless==5.0.0.93 numpy==2.4.6
"$place/venv/bin/python" - <<'PYTHON'
import cv2
import numpy as np

method = cv2.saliency.StaticSaliencyFineGrained.create()


def saliency(image):
    done, found = method.computeSaliency(np.ascontiguousarray(image))
    assert done
    return found


image = np.full((32, 32, 3), 40, np.uint8)
image[10:16, 20:26] = 220
whole = image.astype(np.float32)
added = np.random.default_rng(0).uniform(0, 1e-4, whole.shape).astype(np.float32)
floats = float(np.abs(saliency(whole + added) - saliency(whole)).max())
eight = [saliency(each.astype(np.uint8)) for each in (whole, whole + added)]
bytes_ = float(np.abs(eight[0] - eight[1]).max())
print("OpenCV", cv2.__version__)
print(f"largest difference of the maps of floats: {floats:.2f}")
print(f"largest difference of the maps of 8-bit images: {bytes_:.2f}")
assert floats > 0.1, "the maps of floats agree now"
assert bytes_ == 0
PYTHON
