"""Figures and tables of the book, made from arrays and data frames. Nothing here imports torch.

A function takes its data and returns a matplotlib `Figure` (tables: text); it reads no file and
shows nothing. Functions that draw a single axes take `ax=`; those with a sheet or several panels
create their figure. `use()` applies the style of the book; without it matplotlib's is used.
"""

from adautomix.figures.anatomy import attention_maps, mix_anatomy
from adautomix.figures.blank import blank
from adautomix.figures.cam import cam_grid
from adautomix.figures.corruptions import corruption_accuracy, corruption_sheet
from adautomix.figures.curves import accuracy_curves, accuracy_panels, loss_curves, sensitivity
from adautomix.figures.differences import dots_by_row, leads_by_row, lines_by_row
from adautomix.figures.efficiency import (
    accuracy_against_time,
    growth_panels,
    step_parts,
    time_against_n,
)
from adautomix.figures.game import Network, Pull, Term, who_trains_what
from adautomix.figures.images import contact_sheet, methods_grid, methods_sheet, mix_over_training
from adautomix.figures.occlusion import occlusion_curves
from adautomix.figures.pairs import accuracy_by_method, classifier_and_teacher
from adautomix.figures.reliability import reliability_diagrams
from adautomix.figures.robustness import error_bars
from adautomix.figures.sets import sets_sheet
from adautomix.figures.slider import RatioSlider
from adautomix.figures.style import WIDTH, pdf_bytes, svg_bytes, use
from adautomix.figures.survival import kept_against_ratio
from adautomix.figures.tables import (
    MyST,
    Table,
    glue_markdown,
    glue_tables,
    glue_value,
    in_book,
    markdown_table,
)
from adautomix.figures.transfer import transfer_accuracy

__all__ = [
    "WIDTH",
    "MyST",
    "Network",
    "Pull",
    "RatioSlider",
    "Table",
    "Term",
    "accuracy_against_time",
    "accuracy_by_method",
    "accuracy_curves",
    "accuracy_panels",
    "attention_maps",
    "blank",
    "cam_grid",
    "classifier_and_teacher",
    "contact_sheet",
    "corruption_accuracy",
    "corruption_sheet",
    "dots_by_row",
    "error_bars",
    "glue_markdown",
    "glue_tables",
    "glue_value",
    "growth_panels",
    "in_book",
    "kept_against_ratio",
    "leads_by_row",
    "lines_by_row",
    "loss_curves",
    "markdown_table",
    "methods_grid",
    "methods_sheet",
    "mix_anatomy",
    "mix_over_training",
    "occlusion_curves",
    "pdf_bytes",
    "reliability_diagrams",
    "sensitivity",
    "sets_sheet",
    "step_parts",
    "svg_bytes",
    "time_against_n",
    "transfer_accuracy",
    "use",
    "who_trains_what",
]
