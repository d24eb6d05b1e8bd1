"""Several datasets: a row of panels for each in one figure, and each one's own figures."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from vizworker.errors import LayoutError
from vizworker.frame import Frame
from vizworker.layouts import point
from vizworker.layouts.arrays import find, take
from vizworker.layouts.curves import curves
from vizworker.layouts.galaxy_imaging import DPI
from vizworker.layouts.panels import CHI_SQUARED, SIGMA, Panels
from vizworker.layouts.sheet import Chart, Panel, Sheet
from vizworker.layouts.source import planes
from vizworker.layouts.zoom import view

NAME = re.compile(r"([a-z][a-z_]*?)_([0-9]{1,4})_(.+)")  # layout, number and name of an array

Cells = tuple[Panel | Chart | None, ...]
Layout = Callable[[Frame], tuple[Sheet, ...]]


@dataclass(frozen=True)
class Dataset:
    """The part of a frame that is of one dataset."""

    number: int  # of its factor
    frame: Frame


@dataclass(frozen=True)
class Rows:
    """The combined figure of one kind of dataset."""

    columns: int
    row: Callable[[Frame, int, int | None], Cells]  # its frame, its row, the first's final plane
    dpi: float | None = None


def sheets(frame: Frame, layout: Layout) -> tuple[Sheet, ...]:
    """The combined figures, one a kind of dataset, and then each dataset's own.

    Args:
        frame: whose arrays are named by layout, number and name: `imaging_0_data`.
        layout: draws the frame of one dataset.

    Raises:
        LayoutError: not one dataset can be drawn.
    """
    datasets = _datasets(frame)
    notes: list[str] = []
    combined = [_combined(kind, datasets, notes) for kind in ROWS]
    figures = [sheet for sheet in combined if sheet is not None]
    figures += _points(datasets, notes)
    for dataset in datasets:
        try:
            figures += [_own(sheet, dataset.number) for sheet in layout(dataset.frame)]
        except LayoutError as error:
            notes.append(f"dataset {dataset.number}: {error}")
    if not figures:
        raise LayoutError("; ".join(notes) or "no dataset has arrays in this frame")
    first, *others = figures
    names = ("fit", *first.names)  # where a live view looks
    return replace(first, names=names, notes=(*dict.fromkeys(notes), *first.notes)), *others


def _datasets(frame: Frame) -> list[Dataset]:
    """The frames of the datasets, in the order of their numbers."""
    arrays: dict[tuple[int, str], dict[str, np.ndarray]] = {}
    for name, array in frame.arrays.items():
        match = NAME.fullmatch(name)
        if match is not None:
            layout, number, own = match.groups()
            arrays.setdefault((int(number), layout), {})[own] = array
    return [
        Dataset(number, _own_frame(frame, layout, number, own))
        for (number, layout), own in sorted(arrays.items(), key=lambda item: item[0])
    ]


def _own_frame(frame: Frame, layout: str, number: int, arrays: dict[str, np.ndarray]) -> Frame:
    prefix = f"{layout}_{number}_"
    reduced = {
        name.removeprefix(prefix): shape
        for name, shape in frame.reduced.items()
        if name.startswith(prefix)
    }
    return replace(frame, layout=layout, arrays=arrays, reduced=reduced)


def _combined(kind: str, datasets: list[Dataset], notes: list[str]) -> Sheet | None:
    """A row for each dataset of a kind; None where there is none."""
    own = [dataset for dataset in datasets if dataset.frame.layout == kind]
    if not own:
        return None
    rows = ROWS[kind]
    panels: list[Panel | Chart | None] = []
    final = _final_plane(own[0].frame)
    for index, dataset in enumerate(own):
        try:
            panels += rows.row(dataset.frame, index, final)
        except LayoutError as error:
            notes.append(f"dataset {dataset.number}: {error}")
            panels += [None] * rows.columns
    if not any(panels):
        return None
    first_kind = next(layout for layout in ROWS for each in datasets if each.frame.layout == layout)
    name = "fit_combined" if kind == first_kind else f"fit_combined_{kind}"
    return Sheet((name,), len(own), rows.columns, tuple(panels), dpi=rows.dpi)


def _points(datasets: list[Dataset], notes: list[str]) -> tuple[Sheet, ...]:
    """Point sources share their axes, where there are two or more."""
    own = [dataset.frame for dataset in datasets if dataset.frame.layout == "point"]
    if len(own) < 2:
        return ()
    alone = len(own) == len(datasets)
    try:
        return point.together(own, "fit_combined" if alone else "fit_combined_point")
    except LayoutError as error:
        notes.append(f"point sources together: {error}")
        return ()


def _own(sheet: Sheet, number: int) -> Sheet:
    return replace(sheet, names=tuple(f"{name}_dataset_{number}" for name in sheet.names))


def _final_plane(frame: Frame) -> int | None:
    """The index of the source's plane."""
    models = find(frame, "model_images_of_planes_list", (None, None, None))
    if models is not None:
        return len(models) - 1
    final = find(frame, "final_plane", (1,))
    return None if final is None else int(final[0])


def _imaging(frame: Frame, row: int, final: int | None) -> Cells:
    window = view(frame)
    make = Panels(frame, window)
    models = take(frame, "model_images_of_planes_list", (None, *window.mask.shape))
    subtracted = take(frame, "subtracted_images_of_planes_list", (None, *window.mask.shape))
    # the plane of this number is in a frame only where it is the frame's last
    source = planes(frame)[0] if final == len(models) - 1 else None

    def image(title: str, images: np.ndarray, index: int | None) -> Panel | None:
        if index is None or index >= len(images):
            return None
        return make.masked(title, window.cut(images[index]), positive=True)

    residual = make.values("normalized_residual_map")
    return (
        make.masked("Data", make.values("data"), positive=True),
        image("Subtracted Image", subtracted, 1),
        image("Lens Model Image", models, 0),
        image("Source Model Image", models, final),
        None if source is None else make.plane(f"Source Plane {final}", source, positive=True),
        make.masked("Normalized Residual Map", residual, unit=SIGMA),
    )


def _galaxy_imaging(frame: Frame, row: int, final: int | None) -> Cells:
    make = Panels(frame, view(frame))

    def panel(title: str, name: str, unit: str | None = None) -> Panel:
        return make.masked(title, make.values(name), unit=unit)

    return (
        panel("Data", "data"),
        panel("Signal-To-Noise Map", "signal_to_noise_map"),
        panel("Model Image", "model_data"),
        panel("Normalized Residual Map", "normalized_residual_map", SIGMA),
        panel("Chi-Squared Map", "chi_squared_map", CHI_SQUARED),
    )


def _interferometer(frame: Frame, row: int, final: int | None) -> Cells:
    make, lines = Panels(frame, view(frame)), curves(frame)
    natural = "dirty_model_image_natural" in frame.arrays
    kind, suffix = (" (Natural)", "_natural") if natural else ("", "")
    source, *_ = planes(frame)
    if natural:
        residual = make.masked(
            "Dirty Residual Map (Natural)", make.values("dirty_residual_map_natural")
        )
    else:
        normalized = make.values("dirty_normalized_residual_map")
        residual = make.masked("Dirty Norm Residual", normalized, unit=SIGMA)
    return (
        make.masked(f"Dirty Image{kind} (ch {row})", make.values(f"dirty_image{suffix}")),
        make.masked(
            f"Dirty Model Image{kind}",
            make.values(f"dirty_model_image{suffix}"),
            lines=lines.critical,
        ),
        None
        if source is None
        else make.plane(f"Source Plane {final}", source, lines=lines.caustics),
        residual,
    )


ROWS = {
    "imaging": Rows(6, _imaging),
    "galaxy_imaging": Rows(5, _galaxy_imaging, dpi=DPI),
    "interferometer": Rows(4, _interferometer),
}
