"""What an operator is asked with the robot at rest, and how long an answer is waited for.

How an episode went, whether things are back in place, when a pause is over. The answers are the
device's ordinary events, and every wait has an end.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hilctl.clock import Clock
from hilctl.errors import HilctlError, LostHandError
from hilctl.task.sections import OperatorSpec
from hilctl.teleop.base import Teleop, TeleopEvent

Said = frozenset[TeleopEvent]
Screen = Callable[[str, str, Mapping[str, Any]], None]  # name of an event, its text, its figures

LOOK_NS = 50_000_000  # between two looks at the hand
ALONE_S = 60.0  # for what is lost to come back, where no person is
NOTHING: Said = frozenset()
REJECTED: Said = frozenset({TeleopEvent.VETO, TeleopEvent.FAILURE})
ENDS: Said = frozenset({TeleopEvent.DISCARD, TeleopEvent.FAILURE})  # an episode, at once
VERDICTS: Said = REJECTED | {TeleopEvent.SUCCESS, TeleopEvent.DISCARD}
WORDS = {
    TeleopEvent.SUCCESS: "success",
    TeleopEvent.FAILURE: "failure",
    TeleopEvent.VETO: "no success",
    TeleopEvent.DISCARD: "throw away",
    TeleopEvent.RERECORD: "record the last one again",
    TeleopEvent.PAUSE: "go on",
    TeleopEvent.READY: "ready",
    TeleopEvent.QUIT: "stop here",
}


def show_nobody(name: str, text: str, figures: Mapping[str, Any]) -> None:
    """Do nothing."""


@dataclass
class Questions:
    """Ask an operator, on a screen that others draw.

    Attributes:
        teleop: brings the answers.
        clock: waits go by it.
        waits: how long, and what counts when nobody answers.
        screen: told "waiting" with every question and reminder, "answered" when it is over.
        stop: asked while waiting; True ends every wait.
        record_again: sets the last recorded episode aside; None = none is recorded.
        over: nobody wants to go on: the operator said so in a wait, or did not come in time.
        waited_s: in all, on the clock.
    """

    teleop: Teleop
    clock: Clock
    waits: OperatorSpec = field(default_factory=OperatorSpec)
    screen: Screen = show_nobody
    stop: Callable[[], bool] = lambda: False
    record_again: Callable[[], None] | None = None
    over: bool = field(default=False, init=False)
    waited_s: float = field(default=0.0, init=False)

    def verdict(self, *, claimed: bool, may_claim: bool = True) -> Said:
        """Ask how the episode that has just ended went.

        Args:
            claimed: what the reward said.
            may_claim: the operator can make a success of it; else only object to one.

        Returns:
            What was said; where that is no verdict, what counts without one.
        """
        answers = [TeleopEvent.VETO, TeleopEvent.DISCARD]
        if may_claim:
            answers = [TeleopEvent.SUCCESS, TeleopEvent.FAILURE, TeleopEvent.DISCARD]
        unsaid, limit_s = self._unsaid(claimed=claimed), self.waits.verdict_s
        asked = "the reward says success; is it?" if claimed else "was that a success?"
        text = f"{asked} {self._offer(answers)} · no answer in {limit_s:g} s: {WORDS[unsaid]}"
        self._ask("verdict", text, answers, limit_s)
        # "ready" leaves it at that; of all episodes, the last one is the one that is asked about
        said = self._wait(VERDICTS | {TeleopEvent.READY, TeleopEvent.RERECORD}, limit_s)
        if TeleopEvent.RERECORD in said:
            said |= {TeleopEvent.DISCARD}
        if not said & VERDICTS:
            said |= {unsaid}
        self._tell_answer("verdict", ", ".join(WORDS[one] for one in sorted(said & VERDICTS)), said)
        return said

    def pause(self) -> Said:
        """Wait until the robot may go on or the episode is to end; return what was said."""
        answers = [TeleopEvent.PAUSE, TeleopEvent.FAILURE, TeleopEvent.DISCARD, TeleopEvent.QUIT]
        text = f"paused, the robot holds: {self._offer(answers)}"
        return self._wait_long("pause", text, answers)

    def lost(self, loss: HilctlError, missing: Callable[[], HilctlError | None]) -> Said:
        """Wait until what was lost is back and a person wants to go on; return what was said.

        Where there is no person, it goes on as soon as all is there.

        Args:
            loss: what happened.
            missing: looks again; returns what is lost now, None when all is there.
        """
        if not self.teleop.in_real_time:
            self._wait_alone(loss, missing)
            return NOTHING
        answers = [TeleopEvent.PAUSE, TeleopEvent.FAILURE, TeleopEvent.DISCARD, TeleopEvent.QUIT]
        trouble: HilctlError | None = loss
        said = NOTHING
        while trouble is not None:
            text = f"{trouble.message}; the robot holds: {self._offer(answers)}"
            if trouble.hint:
                text += f" · {trouble.hint}"
            said = self._wait_long("loss", text, answers)
            if TeleopEvent.PAUSE not in said or self.over or self.stop():
                break
            trouble = missing()
        return said

    def hand_is_gone(self) -> LostHandError | None:
        """Return that a person's hand is gone; None = it is there, or nobody's."""
        status = self.teleop.status()
        if status.present or not self.teleop.in_real_time:
            return None
        hint = "plug it in again; keys of the terminal do, too"
        return LostHandError(f"{status.device or 'the hand'} is gone", hint=hint)

    def _wait_alone(self, loss: HilctlError, missing: Callable[[], HilctlError | None]) -> None:
        text = f"{loss.message}; the robot holds until it is back, for {ALONE_S:g} s at most"
        self._ask("loss", text, [], ALONE_S)
        end_ns = self.clock.now_ns() + round(ALONE_S * 1e9)
        while (gone := missing()) and self.clock.now_ns() < end_ns and not self.stop():
            self.clock.sleep_until(self.clock.now_ns() + LOOK_NS)
        self._tell_answer("loss", "it is not back" if gone else "all is there: going on", NOTHING)

    def dead_man(self, is_held: Callable[[], tuple[bool, Said]]) -> Said:
        """Wait until the dead man's button is held; return what was said.

        Args:
            is_held: polls the hand; returns whether it is, and what was said beside.
        """
        text = "the robot holds: hold the dead man's button down to go on"
        answers = [TeleopEvent.FAILURE, TeleopEvent.DISCARD, TeleopEvent.QUIT]

        def hear() -> Said:
            held, said = is_held()
            return said | ({TeleopEvent.PAUSE} if held else NOTHING)

        return self._wait_long("dead_man", text, [TeleopEvent.PAUSE, *answers], hear=hear)

    def ready(self, task: str, *, also: Sequence[TeleopEvent] = ()) -> Said:
        """Wait until things are back in place; return what was said, nothing when nobody came.

        What was pressed before does not count as ready.

        Args:
            task: what there is to do, in words that go on with the key: "…, then press".
            also: other answers that end the wait.
        """
        answers = [TeleopEvent.READY, *also, TeleopEvent.QUIT]
        aside = [TeleopEvent.RERECORD] if self.record_again is not None else []
        text = f"waiting for you: {task} {self._key(TeleopEvent.READY)}"
        if more := self._offer([*also, *aside, TeleopEvent.QUIT]):
            text += f" ({more})"
        before = self._hear() - {TeleopEvent.READY}
        return self._wait_long("ready", text, answers, before=before, hear=self._hear)

    def until_moved(self, to_show: str) -> None:
        """Wait until the hand moves, or says ready: no demonstration begins with a robot at rest.

        A device of nobody's is not waited for.

        Args:
            to_show: what is wanted of whoever drives.
        """
        if not self.teleop.in_real_time or self.over or self.stop():
            return
        answers = [TeleopEvent.READY, TeleopEvent.QUIT]
        aside = [TeleopEvent.RERECORD] if self.record_again is not None else []
        text = f"{to_show}; the episode begins when you move ({self._offer([*answers, *aside])})"
        self._wait_long("start", text, answers, hear=self._hear_or_feel)

    def content(self) -> bool:
        """Return whether the last recorded episode may stay; asked when no other one follows."""
        if self.record_again is None or not self.teleop.in_real_time or self.over or self.stop():
            return True
        answers, limit_s = [TeleopEvent.RERECORD, TeleopEvent.READY], self.waits.verdict_s
        text = f"that was the last one: {self._offer(answers)} · no answer in {limit_s:g} s: ready"
        self._ask("content", text, answers, limit_s)
        said = self._wait({*answers, TeleopEvent.QUIT}, limit_s)
        self.heard(said)
        again = TeleopEvent.RERECORD in said
        self._tell_answer("content", WORDS[answers[0 if again else 1]], said)
        return not again

    def heard(self, said: Collection[TeleopEvent]) -> None:
        """Do what was asked for beside the episode that runs: set the last recorded one aside."""
        if TeleopEvent.RERECORD in said and self.record_again is not None:
            self.record_again()

    def _hear(self) -> Said:
        said = self._poll()
        self.heard(said)
        return said

    def _hear_or_feel(self) -> Said:
        """Return what is said; a hand that moves, or calls success already, is ready."""
        polled = self.teleop.poll()
        self.heard(polled.events)
        moves = polled.twist.any() or polled.gripper or TeleopEvent.SUCCESS in polled.events
        return frozenset(polled.events) | ({TeleopEvent.READY} if moves else NOTHING)

    def _poll(self) -> Said:
        return frozenset(self.teleop.poll().events)

    def _wait_long(
        self,
        subject: str,
        text: str,
        answers: Sequence[TeleopEvent],
        *,
        before: Said = NOTHING,
        hear: Callable[[], Said] | None = None,
    ) -> Said:
        """Wait as long as a person may take, with reminders; who does not come ends the work."""
        limit_s = self.waits.wait_s
        self._ask(subject, text, answers, limit_s)
        said = self._wait(answers, limit_s, before=before, hear=hear, reminder=text)
        came = bool(said & {*answers})
        self.over |= TeleopEvent.QUIT in said or not (came or self.stop())
        told = ", ".join(WORDS[one] for one in answers if one in said)
        if not came:
            told = "stopping" if self.stop() else f"nobody came for {_clock(limit_s)}: stopping"
        self._tell_answer(subject, told, said)
        return said

    def _wait(
        self,
        enough: Iterable[TeleopEvent],
        limit_s: float,
        *,
        before: Said = NOTHING,
        hear: Callable[[], Said] | None = None,
        reminder: str = "",
    ) -> Said:
        """Return what is said until it is enough, a stop is asked for, or the time is up."""
        enough, hear = frozenset(enough), hear or self._poll
        begin_ns, waited_s, reminders = self.clock.now_ns(), 0.0, 1
        said = before | hear()
        while not (said & enough or self.stop() or waited_s >= limit_s):
            self.clock.sleep_until(self.clock.now_ns() + LOOK_NS)
            waited_s = (self.clock.now_ns() - begin_ns) * 1e-9
            said |= hear()
            if reminder and waited_s >= reminders * self.waits.remind_s:
                reminders += 1
                left = f"{_clock(max(0.0, limit_s - waited_s))} left"
                self.screen("waiting", f"{reminder} · {left}", {"reminder": reminders - 1})
        self.waited_s += waited_s
        return said

    def _unsaid(self, *, claimed: bool) -> TeleopEvent:
        """Return the verdict that counts when none comes."""
        if self.waits.verdict == "discard":
            return TeleopEvent.DISCARD
        stands = claimed and self.waits.verdict == "reward"
        return TeleopEvent.SUCCESS if stands else TeleopEvent.FAILURE

    def _ask(self, subject: str, text: str, answers: Iterable[TeleopEvent], limit_s: float) -> None:
        keys = {one.value: self.teleop.keys.get(one) for one in answers}
        self.screen("waiting", text, {"for": subject, "keys": keys, "limit_s": limit_s})

    def _tell_answer(self, subject: str, told: str, said: Said) -> None:
        figures = {"for": subject, "said": sorted(one.value for one in said)}
        self.screen("answered", f"{subject}: {told}", figures)

    def _offer(self, answers: Iterable[TeleopEvent]) -> str:
        """Return in words what says which answer; those that the device lacks are left out."""
        return ", ".join(
            f"{self._key(one)} = {WORDS[one]}"
            for one in answers
            if not self.teleop.keys or one in self.teleop.keys
        )

    def _key(self, event: TeleopEvent) -> str:
        return self.teleop.keys.get(event, event.value.upper())


def _clock(seconds: float) -> str:
    """Return minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d} min"
