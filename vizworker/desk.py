"""What a worker answers without drawing: signs of life, colour scales, frames that it holds."""

from vizworker.errors import VizError
from vizworker.frame import Frame
from vizworker.post import Post
from vizworker.runs import Run, Runs
from vizworker.turns import Turns
from vizworker.wire import Alive, AskFrame, Beat, SetScale

ASKERS = 16  # that wait for the whole frame of one run


class Desk:
    """Answers from what is known of each run."""

    def __init__(self, instance: str, post: Post, runs: Runs, turns: Turns) -> None:
        """Of the worker of that instance."""
        self._instance = instance
        self._post = post
        self._runs = runs
        self._turns = turns

    def hear(self, route: bytes, beat: Beat, now: float) -> None:
        """A run is alive; and so is the worker, which says what it holds of it."""
        run = self._runs.get(beat.run_id, now)
        run.hear(now, beat.run, beat.cost)
        run.route = route
        run.came_home(beat.home)
        holding = self._turns.holding(beat.run_id)
        self._post.send(route, Alive(instance=self._instance, holding=holding))

    def set_scale(self, route: bytes, request: SetScale) -> None:
        """Colour the next figures of a run so."""
        run = self._runs.named(request.run)
        if run is None:
            raise VizError(f"no run {request.run!r} is known here")
        run.scale = request.scale
        self._post.send(route, Alive(instance=self._instance))

    def give_frame(self, route: bytes, request: AskFrame, now: float) -> None:
        """The last frame of a run, or a sign that its search is asked for the whole of it."""
        run = self._runs.named(request.run)
        if run is None or run.frame is None:
            raise VizError(f"no frame of a run {request.run!r} is held here")
        if request.whole and run.frame.reduced:
            self._ask_search(route, run, now)
        else:
            self._post.send_frame(route, run.frame)

    def hand_over(self, run: Run, frame: Frame) -> bool:
        """Give a whole frame to those who wait for it; whether that is all it came for."""
        if not run.askers or frame.reduced:
            return False
        for asker in run.askers:
            self._post.send_frame(asker, frame)
        run.askers.clear()
        drawn = frame.sequence <= run.status.sequence and not frame.final
        if drawn:
            run.hold(frame)
            self._runs.let_go()
        return drawn

    def _ask_search(self, route: bytes, run: Run, now: float) -> None:
        """Have a search send its whole frame to somebody, who asks again until it comes."""
        if run.status_at(now).state == "silent":
            raise VizError(
                f"the search of {run.status.run!r}, which has the exact arrays, is silent"
            )
        if len(run.askers) < ASKERS:
            run.askers.add(route)
        self._post.send(run.route, AskFrame(run=run.status.run_id, whole=True))
        self._post.send(route, Alive(instance=self._instance))
