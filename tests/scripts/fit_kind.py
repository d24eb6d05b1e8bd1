"""A short search of one of the small fits in `kinds`, as a user's script would run it."""

import sys
from pathlib import Path

import autofit as af
from autonerves import conf

sys.path.insert(0, str(Path(__file__).parents[1]))
from kinds import KINDS

# a figure whose graph takes longer to compile than the search and a minute more would be missed
MOST_CALLS = {"three_planes": 150, "delaunay": 150, "knn_barycentric": 150}

folder, kind = sys.argv[1:3]
conf.instance.output_path = str(Path(folder) / "output")
# of a source on neighbours' mesh these take eight seconds a draw, a hundred times
conf.instance["output"]["latent_after_fit"] = False
analysis, model = KINDS[kind]()
search = af.Nautilus(
    path_prefix="watched",
    name=kind,
    n_live=30,
    n_batch=10,
    n_like_max=MOST_CALLS.get(kind, 40),
    n_eff=1,
    seed=1,
)
result = search.fit(model=model, analysis=analysis)
print("maximum log likelihood:", result.samples.max_log_likelihood_sample.log_likelihood)
