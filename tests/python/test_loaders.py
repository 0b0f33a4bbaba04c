"""DataLoaders of an attached program: which one trains, and batch size, samples and labels as a trial wants them."""
import collections
import unittest

import support_session
from support_session import look_and_run
import torch
from torch.utils.data import BatchSampler, DataLoader, Dataset, IterableDataset, RandomSampler, Sampler, SequentialSampler, Subset, SubsetRandomSampler, TensorDataset

COUNT = 100
Point = collections.namedtuple("Point", "x y")


def tensors():
    x = torch.arange(COUNT, dtype=torch.float32).reshape(COUNT, 1)
    return x, (x[:, 0] * 10).long()  # a label tells its sample


class Rows(Dataset):
    """Samples in one of the forms that data sets return."""

    def __init__(self, form=tuple, count=COUNT):
        self.x, self.y = tensors()
        self.form, self.count = form, count
        self.extra = "kept"

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        x, y = self.x[index], self.y[index]
        return {"tuple": (x, y), "dict": {"image": x, "label": y}, "Point": Point(x, y)}[self.form.__name__]


class Stream(IterableDataset):
    def __init__(self, batched=0):
        self.batched = batched

    def __iter__(self):
        x, y = tensors()
        if self.batched:
            for first in range(0, COUNT, self.batched):
                yield x[first:first + self.batched], y[first:first + self.batched]
        else:
            for row in range(COUNT):
                yield x[row], y[row]


class Odd(Sampler):
    """The odd indices, falling."""

    def __init__(self):
        pass

    def __iter__(self):
        return iter(range(COUNT - 1, 0, -2))

    def __len__(self):
        return COUNT // 2


class PairsOfOdd(Sampler):
    def __init__(self):
        pass

    def __iter__(self):
        for first in range(1, COUNT, 4):
            yield [first, first + 2]

    def __len__(self):
        return COUNT // 4


def x_and_y(batch):
    if isinstance(batch, dict):
        return batch["image"], batch["label"]
    return batch[0], batch[1]


def program(make, epochs=3, through=None, validate=None, stop=None):
    """A program that trains on make()'s loader; it returns the batches it saw, by epoch, and len(loader)."""
    def run(session):
        torch.manual_seed(3)
        loader, seen = make(), []
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        support_session.made(optimizer)
        weight = optimizer.param_groups[0]["params"][0]
        for _ in range(epochs):
            seen.append([])
            for batch in through(loader) if through else loader:
                x, y = x_and_y(batch)
                loss = torch.nn.functional.mse_loss(x.reshape(len(y), -1)[:, 0] * weight, y.float())
                support_session.train_step(optimizer, loss)
                seen[-1].append((x.reshape(len(y), -1)[:, 0].long().tolist(), y.tolist()))
            if validate is not None:
                for batch in validate():
                    len(batch)
        # Not the loader itself: in a cycle, its workers would be ended late.
        told.update(length=len(loader) if not isinstance(loader.dataset, IterableDataset) else None, batch_size=loader.batch_size, dataset=loader.dataset)
        return seen
    told = run.told = {}
    return run


def samples_in(epoch):
    return sorted({one for batch in epoch for one in batch[0]})


class Untouched(unittest.TestCase):
    def test_a_look_and_a_trial_without_knobs_of_the_loader_see_the_same_batches(self):
        run = program(lambda: DataLoader(Rows(), 8, True))
        bare = None
        _, seen, trial, again = look_and_run(run, {"knobs": {"learning_rate": 0.5}})
        self.assertEqual(seen, again)
        self.assertEqual(trial.refusals, {})
        with self.subTest("as without a session"):
            torch.manual_seed(3)
            bare = [batch[0].reshape(-1).long().tolist() for batch in DataLoader(Rows(), 8, True)]
            self.assertEqual([batch[0] for batch in seen[0]], bare)

    def test_workers_and_generators_of_the_program_work_on(self):
        run = program(lambda: DataLoader(Rows(), batch_size=16, num_workers=2, persistent_workers=True, shuffle=True, generator=torch.Generator().manual_seed(1)), epochs=2)
        look, seen, _, again = look_and_run(run)
        self.assertEqual(seen, again)
        self.assertEqual([samples_in(epoch) for epoch in seen], [list(range(COUNT))] * 2)
        self.assertEqual(look.facts["batch_size"], 16)


class Facts(unittest.TestCase):
    def test_of_the_training_loader(self):
        look, _, _, _ = look_and_run(program(lambda: DataLoader(Rows(), 8, shuffle=True), validate=lambda: DataLoader(Rows(), 50)))
        self.assertEqual((look.facts["batch_size"], look.facts["train_samples"], look.facts["steps_per_epoch"]), (8, COUNT, 13))
        self.assertEqual(look.private["loader"]["label"], [1])
        self.assertTrue({"batch_size", "samples", "shuffle_labels"} <= set(look.facts["knobs"]))

    def test_without_a_loader_the_line_to_add_is_told(self):
        def run(session):
            weight = torch.zeros(1, requires_grad=True)
            optimizer = torch.optim.SGD([weight], lr=0.1)
            for step in range(4):
                support_session.train_step(optimizer, torch.nn.functional.mse_loss(weight * torch.ones(3), torch.full((3,), float(step))))
        look, _, trial, _ = look_and_run(run, {"knobs": {"samples": 10, "batch_size": 4, "shuffle_labels": True}})
        self.assertIn("tenet.data(x, y)", look.facts["refused"]["samples"])
        self.assertEqual(set(trial.refusals), {"samples", "batch_size", "shuffle_labels"})
        self.assertTrue(all("no DataLoader" in why for why in trial.refusals.values()))


class Samples(unittest.TestCase):
    def kept(self, make, through=None, count=10, **more):
        """The epochs of a trial on ten samples."""
        _, _, trial, seen = look_and_run(program(make, through=through), dict({"knobs": {"samples": count}}, **more))
        self.assertEqual(trial.refusals, {})
        self.assertIn("samples", trial.applied_names)
        self.assertEqual(trial.notes, [])
        return seen

    def test_a_fixed_subset_whatever_the_form(self):
        subsets = set()
        for form in (tuple, dict, Point):
            seen = self.kept(lambda: DataLoader(Rows(form), 4, shuffle=True))
            for epoch in seen:
                self.assertEqual(len(samples_in(epoch)), 10)
                self.assertTrue(all(y == 10 * x for batch in epoch for x, y in zip(*batch)))
            subsets.add(tuple(samples_in(seen[0])))
            self.assertEqual(samples_in(seen[0]), samples_in(seen[2]))
        self.assertEqual(len(subsets), 1)

    def test_the_subset_does_not_depend_on_the_seed(self):
        one = self.kept(lambda: DataLoader(Rows(), 4, shuffle=True), seed=1)
        other = self.kept(lambda: DataLoader(Rows(), 4, shuffle=True), seed=2)
        self.assertEqual(samples_in(one[0]), samples_in(other[0]))

    def test_a_pass_is_as_long_as_before_and_len_says_so(self):
        run = program(lambda: DataLoader(Rows(), batch_size=32))
        _, seen, _, fewer = look_and_run(run, {"knobs": {"samples": 10}})
        self.assertEqual([len(epoch) for epoch in seen], [len(epoch) for epoch in fewer])
        self.assertEqual({len(batch[0]) for epoch in fewer for batch in epoch}, {10})

    def test_drop_last_does_not_drop_them_all(self):
        seen = self.kept(lambda: DataLoader(Rows(), batch_size=32, shuffle=True, drop_last=True))
        self.assertEqual({len(batch[0]) for epoch in seen for batch in epoch}, {10})

    def test_samplers_of_the_program_choose_first(self):
        for make in (lambda: DataLoader(Rows(), 4, sampler=Odd()), lambda: DataLoader(Rows(), batch_sampler=PairsOfOdd()), lambda: DataLoader(Subset(Rows(), range(1, COUNT, 2)), 4),
                     lambda: DataLoader(Rows(), 4, sampler=SubsetRandomSampler(list(range(1, COUNT, 2)))),
                     lambda: DataLoader(Rows(), batch_sampler=BatchSampler(SubsetRandomSampler(range(1, COUNT, 2)), 4, False)),
                     lambda: DataLoader(Rows(), 4, sampler=torch.utils.data.WeightedRandomSampler([float(row % 2) for row in range(COUNT)], COUNT))):
            seen = self.kept(make)
            self.assertEqual(len({one for epoch in seen for one in samples_in(epoch)}), 10)
            self.assertTrue(all(one % 2 for epoch in seen for one in samples_in(epoch)))

    def test_a_distributed_sampler_keeps_its_rank_and_epoch(self):
        made = {}

        def make():
            made["sampler"] = torch.utils.data.distributed.DistributedSampler(Rows(), num_replicas=2, rank=1, shuffle=False)
            return DataLoader(Rows(), 4, sampler=made["sampler"])

        def through(loader):
            loader.sampler.set_epoch(1)
            return loader
        seen = self.kept(make, through)
        self.assertEqual(len(samples_in(seen[0])), 5)
        self.assertTrue(all(one % 2 for one in samples_in(seen[0])))

    def test_batches_that_the_data_set_makes(self):
        make = lambda: DataLoader(Rows(), batch_size=None, sampler=BatchSampler(RandomSampler(range(COUNT)), 4, False))
        seen = self.kept(make)
        self.assertEqual(len(samples_in(seen[0])), 10)

    def test_iterable_data_sets_keep_the_first(self):
        for make in (lambda: DataLoader(Stream(), batch_size=4), lambda: DataLoader(Stream(batched=4), batch_size=None), lambda: DataLoader(Stream(), batch_size=4, num_workers=1)):
            seen = self.kept(make)
            self.assertEqual([samples_in(epoch) for epoch in seen], [list(range(10))] * 3)

    def test_next_iter_and_workers(self):
        def first_batches(loader):
            return [next(iter(loader)) for _ in range(6)]
        seen = self.kept(lambda: DataLoader(Rows(), 4, shuffle=True), through=first_batches)
        self.assertLessEqual(len({one for epoch in seen for one in samples_in(epoch)}), 10)
        seen = self.kept(lambda: DataLoader(Rows(), 4, shuffle=True, num_workers=2, persistent_workers=True))
        self.assertEqual(len(samples_in(seen[1])), 10)

    def test_the_data_set_stays_what_it_is(self):
        run = program(lambda: DataLoader(Rows(), 4))
        look_and_run(run, {"knobs": {"samples": 10, "shuffle_labels": True}})
        self.assertIsInstance(run.told["dataset"], Rows)
        self.assertEqual((len(run.told["dataset"]), run.told["dataset"].extra), (COUNT, "kept"))


class BatchSize(unittest.TestCase):
    def sizes(self, make, size, **more):
        run = program(make)
        _, _, trial, seen = look_and_run(run, dict({"knobs": {"batch_size": size}}, **more))
        return trial, run.told, [[len(batch[0]) for batch in epoch] for epoch in seen]

    def test_positional_keyword_and_samplers(self):
        for make in (lambda: DataLoader(Rows(), 8, True), lambda: DataLoader(dataset=Rows(), batch_size=8), lambda: DataLoader(Rows(), 8, sampler=SequentialSampler(range(COUNT))),
                     lambda: DataLoader(Rows(), batch_sampler=BatchSampler(RandomSampler(range(COUNT)), 8, False)), lambda: DataLoader(Rows(), 8, num_workers=1)):
            trial, told, sizes = self.sizes(make, 5)
            self.assertEqual(sizes, [[5] * 20] * 3)
            self.assertEqual(told["length"], 20)
            self.assertIn("batch_size", trial.applied_names)

    def test_larger_batches_go_round_to_as_many_steps(self):
        _, told, sizes = self.sizes(lambda: DataLoader(Rows(), 10), 50)
        self.assertEqual(sizes, [[50] * 10] * 3)
        self.assertEqual((told["length"], told["batch_size"]), (10, 50))

    def test_larger_than_the_data(self):
        _, _, sizes = self.sizes(lambda: DataLoader(Rows(), 10, drop_last=True), 1000)
        self.assertEqual(sizes, [[COUNT] * 10] * 3)

    def test_one(self):
        _, _, sizes = self.sizes(lambda: DataLoader(Rows(), 10), 1)
        self.assertEqual(sizes, [[1] * COUNT] * 3)

    def test_of_an_iterable(self):
        _, told, sizes = self.sizes(lambda: DataLoader(Stream(), batch_size=10), 20)
        self.assertEqual(told["batch_size"], 20)
        self.assertEqual({size for epoch in sizes for size in epoch}, {20})

    def test_is_refused_where_the_data_set_makes_the_batches(self):
        for make in (lambda: DataLoader(Stream(batched=4), batch_size=None),):
            trial, _, sizes = self.sizes(make, 20)
            self.assertIn("makes its batches itself", trial.refusals["batch_size"])
            self.assertEqual({size for epoch in sizes for size in epoch}, {4})


class Labels(unittest.TestCase):
    def permuted(self, make, knobs=None):
        """The labels that each sample was given, over all epochs."""
        look, _, trial, seen = look_and_run(program(make), {"knobs": dict({"shuffle_labels": True}, **knobs or {})})
        self.assertEqual(trial.refusals, {})
        self.assertIn("shuffle_labels", trial.applied_names)
        self.assertEqual(trial.notes, [])
        given = {}
        for epoch in seen:
            for x, y in epoch:
                for one, label in zip(x, y):
                    given.setdefault(one, set()).add(label)
        return given

    def test_each_sample_has_another_label_and_keeps_it(self):
        for make in (lambda: DataLoader(Rows(), 8, shuffle=True), lambda: DataLoader(Rows(dict), 8, shuffle=True), lambda: DataLoader(Rows(Point), 8, num_workers=2),
                     lambda: DataLoader(TensorDataset(*tensors()), 8, shuffle=True)):
            given = self.permuted(make)
            self.assertEqual({len(labels) for labels in given.values()}, {1})
            labels = {sample: next(iter(labels)) for sample, labels in given.items()}
            self.assertEqual(sorted(labels.values()), [10 * row for row in range(COUNT)])
            self.assertLess(sum(label == 10 * sample for sample, label in labels.items()), COUNT // 10)

    def test_among_the_chosen_samples(self):
        given = self.permuted(lambda: DataLoader(Rows(), 4, shuffle=True), {"samples": 10})
        self.assertEqual(sorted(label for labels in given.values() for label in labels), [10 * sample for sample in sorted(given)])
        self.assertEqual(len(given), 10)

    def test_of_iterable_data_sets(self):
        for make, knobs in ((lambda: DataLoader(Stream(), batch_size=10), {}), (lambda: DataLoader(Stream(), batch_size=5), {"samples": 10})):
            given = self.permuted(make, knobs)
            self.assertEqual({len(labels) for labels in given.values()}, {1})
            moved = sum(10 * sample not in labels for sample, labels in given.items())
            self.assertGreater(moved, len(given) // 2)

    def test_by_a_collate_function_of_the_program(self):
        def collate(items):
            return torch.stack([x for x, _ in items]), torch.stack([y for _, y in items])
        self.assertEqual(len(self.permuted(lambda: DataLoader(Rows(), 8, collate_fn=collate))), COUNT)

    def test_is_refused_where_the_targets_are_the_inputs(self):
        def run(session):
            weight = torch.zeros(1, requires_grad=True)
            optimizer, net = torch.optim.SGD([weight], lr=0.1), torch.nn.Linear(1, 1)
            for x, _ in DataLoader(Rows(), 8):
                output = support_session.forward(net, x)
                support_session.train_step(optimizer, torch.nn.functional.mse_loss(output + weight, x))
        look, _, trial, _ = look_and_run(run, {"knobs": {"shuffle_labels": True}})
        self.assertIn("inputs themselves", look.facts["refused"]["shuffle_labels"])
        self.assertIn("shuffle_labels", trial.refusals)


class Which(unittest.TestCase):
    def test_validation_is_left_alone_however_they_are_made(self):
        def by_helper():
            def make(count, size):
                return DataLoader(Rows(count=count), size)
            return make(COUNT, 10), make(30, 15)

        def in_a_loop():
            loaders = {}
            for name, size in (("valid", 15), ("train", 10)):
                loaders[name] = DataLoader(Rows(count=30 if name == "valid" else COUNT), size)
            return loaders["train"], loaders["valid"]

        def validation_first():
            valid = DataLoader(Rows(count=30), 15)
            return DataLoader(Rows(), 10), valid
        for both in (by_helper, in_a_loop, validation_first):
            def run(session):
                train, valid = both()
                weight = torch.zeros(1, requires_grad=True)
                optimizer, sizes = torch.optim.SGD([weight], lr=0.1), []
                for _ in range(2):
                    sizes.append([len(y) for _, y in valid])
                    for x, y in train:
                        support_session.train_step(optimizer, torch.nn.functional.mse_loss(x[:, 0] * weight, y.float()))
                    sizes.append([len(y) for _, y in train])
                return sizes
            look, _, trial, sizes = look_and_run(run, {"knobs": {"batch_size": 20}})
            self.assertEqual(look.facts["batch_size"], 10, both.__name__)
            self.assertEqual(trial.applied_names.count("batch_size"), 1)
            self.assertEqual(sizes, [[15, 15], [20] * 10] * 2, both.__name__)

    def test_a_loader_that_is_made_anew_each_epoch(self):
        def run(session):
            weight = torch.zeros(1, requires_grad=True)
            optimizer, sizes = torch.optim.SGD([weight], lr=0.1), []
            for _ in range(3):
                for x, y in DataLoader(Rows(), batch_size=25):
                    support_session.train_step(optimizer, torch.nn.functional.mse_loss(x[:, 0] * weight, y.float()))
                    sizes.append(len(y))
            return sizes
        _, _, _, sizes = look_and_run(run, {"knobs": {"samples": 10}})
        self.assertEqual(sizes, [10] * 12)


class Round(unittest.TestCase):
    def test_more_steps_than_the_program_has(self):
        for make in (lambda: DataLoader(Rows(), 10, shuffle=True), lambda: DataLoader(Stream(), batch_size=10)):
            look, _, trial, seen = look_and_run(program(make, epochs=2), {"steps": 70})
            self.assertEqual(look.step, 20)
            self.assertEqual(trial.step, 70)
            self.assertIn("steps", trial.applied_names)

    def test_a_length_that_only_a_trial_has_told(self):
        known, made = None, []
        for trial in ({"mode": "look"}, {"steps": 70, "own_steps": 0}, {"steps": 70, "own_steps": 20}):
            session, _ = support_session.run(program(lambda: DataLoader(Rows(), 10), epochs=2), dict(trial, known=known), reason="stopped")
            known = known or session.private
            made.append(session.step)
        self.assertEqual(known["loader"]["steps_total"], 0)
        self.assertEqual(made, [20, 20, 70])

    def test_fewer(self):
        _, _, trial, _ = look_and_run(program(lambda: DataLoader(Rows(), 10)), {"steps": 7})
        self.assertEqual(trial.step, 7)


if __name__ == "__main__":
    unittest.main()
