"""How the site is built of docs: `make site`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE / "extensions")]

project = "Steeplechase"
author = "The Steeplechase developers"
copyright = "The Steeplechase developers, Apache-2.0"
extensions = [
    "myst_nb",  # Markdown, and the notebook with the outputs that it was committed with
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "generated",  # docs/extensions: what is made from the code, and links that leave this folder
]
exclude_patterns = ["extensions", "static"]
nitpicky = True
# Of libraries: this site is built without a network, and so without their inventories.
nitpick_ignore_regex = [
    (r"py:.*", r"(pandas|matplotlib|numpy|np|tensorflow|tf|keras|collections|pathlib|os|typing|plotly)\..*"),
]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
nb_execution_mode = "off"

smartquotes_action = "D"  # dashes alone: "" is an empty text
default_role = "code"  # a name between backticks in a docstring is code
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # what is taken is said under Args, with its shape and unit
autodoc_class_signature = "mixed"
autoclass_content = "both"  # what a layer takes is said where it is made
napoleon_use_ivar = True
napoleon_use_rtype = False
add_module_names = False
python_maximum_signature_line_length = 88

html_theme = "furo"
html_title = "Steeplechase"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False

pygments_style = "default"
