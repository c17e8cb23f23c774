"""What stands for images: images.json in the bench's folder, {"name:tag": {"argv": […], "argv@alpha": […]}}, where the second
holds at node alpha only."""
import json

from .state import FOLDER


def command(image, node):
    """The command of an image at a node, None where there is no such image. A digest behind the name is that of the one image
    there is."""
    found = json.loads((FOLDER / "images.json").read_text()).get(image.split("@")[0], {})
    return found.get(f"argv@{node}") or found.get("argv")
