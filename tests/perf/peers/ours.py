"""This project: the trainer as a run uses it, blocks of replicas side by side in lanes."""

from runners.execution.parallel import default_parallel_blocks, train_in_parallel
from runners.training import setup
from runners.training.trainer import trainer
from tests.perf.problems import BATCH, build_program, problem_files, replica


class Network:
    """Every training begins anew, inside the clock, as a run's blocks do."""

    def __init__(self, case):
        setup.start_tensorflow(case.device)
        with problem_files() as files:
            self.program = build_program(case.problem, files, case.replicas, case.precision, case.device)
        self.unit = len(case.x) // BATCH
        self.seats = [replica(case.problem, seed) for seed in range(case.replicas)]

    def train(self, units):
        """Epochs."""
        self._train(units * self.unit)

    def follow(self, batches):
        """It draws these batches itself."""
        self.seen = [trainer(self.program, lane).evaluate()["train_loss"] for lane in self._train(len(batches))]

    def losses(self, _batches):
        """Each replica's loss at the batch that comes next."""
        return [float(loss) for seen in self.seen for loss in seen]

    def _train(self, steps):
        """The lanes, in the order of their blocks."""
        blocks = [self.seats[at : at + self.program.block] for at in range(0, len(self.seats), self.program.block)]

        def sit(block, lane, _sharing):
            heart = trainer(self.program, lane)
            heart.begin(block, steps)
            heart.advance(steps)
            return lane

        return sorted(train_in_parallel(blocks, default_parallel_blocks(self.program.device), sit))


class Notebook(Network):
    """The scalars, through the same trainer."""

    def __init__(self, case):
        super().__init__(case)
        self.unit = 100_000 if case.replicas == 1 else 10_000
