"""Graphs kept on disk: found again for the same fit, and for no other."""

import importlib
import os
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import lenses
import numpy as np
import pytest
from jax import export

from search_hooks import graph_cache, pyautofit
from search_hooks.extract import extractor_for


def key(analysis=None, model=None):
    analysis = analysis or lenses.analysis(use_jax=True)
    return pyautofit._key(analysis, model or lenses.one_plane(), extractor_for(analysis))


@pytest.fixture(scope="module")
def graph():
    return export.export(jax.jit(lambda x: {"double": 2 * x}))(np.arange(3.0))


def test_same_fit_has_the_same_key():
    model = lenses.one_plane()
    assert key(model=model) == key(model=model)


def test_anything_that_enters_the_graph_changes_the_key(monkeypatch):
    model = lenses.one_plane()
    keys = [key(model=model)]
    keys.append(key(lenses.analysis(lenses.dataset(radius=2.0), use_jax=True), model))
    model.galaxies.lens.bulge.sersic_index = 2.5
    keys.append(key(model=model))
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false --xla_other=1")
    keys.append(key(model=model))
    monkeypatch.setattr(graph_cache, "version", lambda name: "0")
    keys.append(key(model=model))
    assert len(set(keys)) == len(keys)


def test_a_change_to_somebody_else_s_extractor_changes_the_key(tmp_path, monkeypatch):
    path = tmp_path / "their_extractor.py"
    path.write_text("class Theirs:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    theirs = importlib.import_module("their_extractor").Theirs()
    together = SimpleNamespace(parts=[theirs])
    analysis, model = lenses.analysis(use_jax=True), lenses.one_plane()
    before = [pyautofit._key(analysis, model, each) for each in (theirs, together)]
    path.write_text("class Theirs:\n    new = True\n")
    after = [pyautofit._key(analysis, model, each) for each in (theirs, together)]
    assert None not in before
    assert set(before).isdisjoint(after)


def test_part_that_cannot_be_pickled_has_no_key():
    assert graph_cache.key_of(iter_ for iter_ in ()) is None


def test_graph_comes_back_from_disk(tmp_path, graph):
    graph_cache.save(tmp_path / "graphs", "a", graph)
    loaded = graph_cache.load(tmp_path / "graphs", "a")
    np.testing.assert_array_equal(loaded.call(jnp.arange(3.0))["double"], [0.0, 2.0, 4.0])
    assert graph_cache.load(tmp_path / "graphs", "b") is None


def test_graph_that_was_cut_off_is_none(tmp_path, graph):
    graph_cache.save(tmp_path, "a", graph)
    path = tmp_path / "a.jaxexport"
    path.write_bytes(path.read_bytes()[:100])
    assert graph_cache.load(tmp_path, "a") is None


def test_folder_that_cannot_be_written_is_no_fault(tmp_path, graph):
    (tmp_path / "file").write_text("")
    graph_cache.save(tmp_path / "file" / "graphs", "a", graph)


def test_only_the_newest_graphs_are_kept(tmp_path, graph, monkeypatch):
    monkeypatch.setattr(graph_cache, "KEPT", 2)
    for age, name in enumerate("abc"):
        graph_cache.save(tmp_path, name, graph)
        os.utime(tmp_path / f"{name}.jaxexport", (age, age))
    graph_cache.save(tmp_path, "d", graph)
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["c", "d"]
