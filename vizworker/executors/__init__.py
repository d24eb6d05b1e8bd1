"""Where frames are drawn: here, in processes beside the worker, or on the machines of a cluster."""

from vizworker.config import Config
from vizworker.executors.here import Here
from vizworker.executors.shape import Executor

__all__ = ["Executor", "executor_of"]


def executor_of(config: Config) -> Executor:
    """The executor that a worker's configuration asks for.

    Raises:
        ConfigError: one that needs a package that is not installed, or an address that is none.
    """
    if config.executor:
        from vizworker.executors.cluster import Cluster

        return Cluster(config.executor, config.draw_deadline)
    if config.processes:
        from vizworker.executors.processes import Processes

        return Processes(
            config.processes,
            deadline=config.draw_deadline,
            frames=config.recycle_frames,
            memory=config.recycle_memory,
        )
    from vizworker import draw

    draw.warm()
    return Here()
