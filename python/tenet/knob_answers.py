"""What became of each knob of the trial: applied or refused, said once, as soon as it is known. A knob that nobody answered until the end
is refused there, with what was missing."""

LINE = "add the line: x, y = tenet.data(x, y)"


class Answers:
    def __init__(self, session):
        self.session = session
        self.trial = session.trial
        self.given = {}  # name: True where applied

    def wants(self, name):
        """The knob's value while nothing kept it from being turned; None where it is not turned."""
        if name in ("seed", "steps"):
            value = self.session.trial.get(name)
        else:
            value = self.session.knobs.get(name)
        return None if value is False or self.given.get(name) is False else value

    def applied(self, name):
        if name not in self.given:
            self.given[name] = True
            self.session.applied(name)

    def refused(self, name, why):
        if name not in self.given:
            self.given[name] = False
            self.session.refused(name, why)

    def open(self):
        """Knobs that are turned and not yet answered."""
        names = list(self.session.knobs) + [name for name in ("seed", "steps") if self.session.trial.get(name) is not None]
        return [name for name in names if name not in self.given and self.session.knobs.get(name, True) is not False]


def of(session):
    """The answers of the session's present trial: a forked child gets another one."""
    answers = getattr(session, "answers", None)
    if answers is None or answers.trial is not session.trial:
        answers = session.answers = Answers(session)
    return answers


def can(session, *names):
    """In a look: these knobs can be turned."""
    known = session.facts.setdefault("knobs", [])
    known.extend(name for name in names if name not in known)


def cannot(session, name, why):
    """In a look: this one cannot, and why; the line to add is part of it where there is one."""
    session.facts.setdefault("refused", {})[name] = why


def is_needed(session):
    """Whether data and losses are looked at and altered at all: `tenet train` of an unchanged program only records."""
    return session.mode in ("look", "trial", "serve") or bool(session.knobs) or bool(session.patch)
