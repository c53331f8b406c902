"""What runs in the processes of a loader."""

import queue
import random
import traceback

_info = None


class WorkerInfo:
    """The worker that the calling code runs in: its number, how many there are, its seed and its copy of the data set."""

    def __init__(self, id, num_workers, seed, dataset):
        self.id, self.num_workers, self.seed, self.dataset = id, num_workers, seed, dataset

    def __repr__(self):
        return f"WorkerInfo(id={self.id}, num_workers={self.num_workers}, seed={self.seed}, dataset={self.dataset!r})"


def get_worker_info():
    """The `WorkerInfo` of this process, or None outside a loader's workers."""
    return _info


class Failure:
    """An exception on its way to the process that asked."""

    def __init__(self, error, where):
        self.kind, self.where = type(error), where
        self.text = f"Caught {type(error).__name__} {where}.\n{traceback.format_exc()}"

    def reraise(self):
        """Raises the exception here, with the worker's traceback in its text."""
        try:
            error = self.kind(self.text)
        except Exception:
            error = RuntimeError(self.text)
        raise error


def fetcher(dataset, collate, auto, iterable, drop_last):
    """`fetch(numbers)`: a batch, or a sample; StopIteration at the end of an iterable data set."""
    if not iterable:
        def fetch(numbers):
            if not auto:
                return collate(dataset[numbers])
            many = getattr(dataset, "__getitems__", None)
            return collate(many(numbers) if callable(many) else [dataset[i] for i in numbers])

        return fetch
    samples = iter(dataset)

    def fetch_next(numbers):
        if not auto:
            return collate(next(samples))
        batch = []
        for _ in numbers:
            try:
                batch.append(next(samples))
            except StopIteration:
                break
        if not batch or drop_last and len(batch) < len(numbers):
            raise StopIteration
        return collate(batch)

    return fetch_next


def run(dataset, iterable, tasks, results, collate, auto, drop_last, base_seed, init, number, count, parent):
    """The loop of one worker: takes `(task, numbers)`, gives `(task, batch)`; None ends it."""
    global _info
    from ... import manual_seed, set_num_threads

    set_num_threads(1)
    seed = base_seed + number
    random.seed(seed)
    manual_seed(seed)
    try:
        import numpy
        numpy.random.seed(seed % 2**32)
    except ImportError:
        pass
    _info = WorkerInfo(number, count, seed, dataset)
    start = None
    try:
        if init is not None:
            init(number)
        fetch = fetcher(dataset, collate, auto, iterable, drop_last)
    except Exception as error:
        start = Failure(error, f"in DataLoader worker process {number}")
    while True:
        try:
            task = tasks.get(timeout=5.0)
        except queue.Empty:
            # Nobody is left to ask.
            if not parent.is_alive():
                return
            continue
        if task is None:
            return
        at, numbers = task
        if start is not None:
            results.put((at, number, start))
            continue
        try:
            value = fetch(numbers)
        except StopIteration:
            value = StopIteration
        except Exception as error:
            value = Failure(error, f"in DataLoader worker process {number}")
        results.put((at, number, value))
        del value
