"""What the arrays of one update cost, steady: a likelihood, the shared fit, upstream's way."""

from typing import Any

from common import MODELS, lens, median, parser, report, seconds, vectors


def measure(name: str, repeats: int) -> list[dict[str, Any]]:
    """One model: milliseconds of each way to the arrays, and their ratio to one likelihood."""
    import jax
    from autofit.jax.pytrees import enable_pytrees, register_model

    from search_hooks.extract.imaging import _image_plane, extractor
    from search_hooks.shared_fit import SharedFit, to_host

    analysis, model = lens(name)
    enable_pytrees()
    register_model(model)
    extract = extractor(analysis)
    [vector] = vectors(model, 1)

    def instance(parameters: Any) -> Any:
        return model.instance_from_vector(vector=parameters, ignore_assertions=True, xp=jax.numpy)

    def fit_arrays(parameters: Any) -> Any:
        fit = analysis.fit_from(instance(parameters))
        return _image_plane(fit, jax.numpy) | {"log_likelihood": fit.figure_of_merit}

    likelihood = jax.jit(lambda p: analysis.log_likelihood_function(instance(p)))
    shared = {
        "shared fit: image-plane arrays": SharedFit(fit_arrays),
        "shared fit: whole figure": SharedFit(lambda p: extract.arrays(instance(p))),
    }
    ways = {"one jitted likelihood": lambda: float(likelihood(vector))}
    ways |= {what: (lambda fit=fit: to_host(fit(vector))) for what, fit in shared.items()}
    ways["upstream, eager: image-plane arrays"] = lambda: upstream(analysis, model, vector)
    times = {what: 1e3 * median(seconds(act, repeats)) for what, act in ways.items()}
    base = times["one jitted likelihood"]
    return [
        {"model": name, "arrays": what, "ms": each, "ratio": each / base}
        for what, each in times.items()
    ]


def upstream(analysis: Any, model: Any, vector: Any) -> None:
    """What upstream's figure reads of its fit, each property evaluated as it is read."""
    import numpy as np

    fit = analysis.fit_for_visualization(instance=model.instance_from_vector(vector=vector))
    for array in (
        fit.model_data,
        fit.residual_map,
        fit.normalized_residual_map,
        fit.chi_squared_map,
        *fit.model_images_of_planes_list,
        *fit.subtracted_images_of_planes_list,
    ):
        np.asarray(array.array)


def main() -> None:
    """Both models, one table."""
    options = parser(__doc__).parse_args()
    rows = [row for name in MODELS for row in measure(name, 5 if options.quick else 30)]
    report("Arrays of one update, steady", rows, options.json)


if __name__ == "__main__":
    main()
