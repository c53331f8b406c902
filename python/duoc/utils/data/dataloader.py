"""The loader: batches of a data set, in this process or from several others."""

import itertools
import multiprocessing
import queue

from . import _worker
from ._collate import default_collate, default_convert
from .dataset import IterableDataset
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler


class _Endless(Sampler):
    def __iter__(self):
        return itertools.repeat(None)


class DataLoader:
    """Batches of a data set.

    `shuffle` takes the samples in random order, PyTorch's for the same seed. With `num_workers` processes load ahead,
    `prefetch_factor` batches each (two unless told otherwise); an error in one reaches the caller with its place.
    """

    def __class_getitem__(cls, item):
        return cls

    def __init__(self, dataset, batch_size=1, shuffle=None, sampler=None, batch_sampler=None, num_workers=0, collate_fn=None,
                 pin_memory=False, drop_last=False, timeout=0, worker_init_fn=None, multiprocessing_context=None,
                 generator=None, *, prefetch_factor=None, persistent_workers=False, pin_memory_device="", in_order=True):
        if num_workers < 0:
            raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if num_workers == 0 and prefetch_factor is not None:
            raise ValueError("prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable "
                             "multiprocessing, otherwise set prefetch_factor to None.")
        if prefetch_factor is not None and prefetch_factor < 0:
            raise ValueError("prefetch_factor option should be non-negative")
        if persistent_workers and num_workers == 0:
            raise ValueError("persistent_workers option needs num_workers > 0")
        self.dataset, self.num_workers, self.pin_memory, self.timeout = dataset, num_workers, pin_memory, timeout
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.worker_init_fn, self.generator, self.persistent_workers = worker_init_fn, generator, persistent_workers
        self.multiprocessing_context, self.in_order, self.pin_memory_device = multiprocessing_context, in_order, pin_memory_device
        self._iterable = isinstance(dataset, IterableDataset)
        if self._iterable:
            if shuffle not in (None, False):
                raise ValueError(f"DataLoader with IterableDataset: expected unspecified shuffle option, but got shuffle={shuffle}")
            for name, given in (("sampler", sampler), ("batch_sampler", batch_sampler)):
                if given is not None:
                    raise ValueError(f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={given}")
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError("batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last")
            batch_size, drop_last = None, False
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if sampler is None:
            if self._iterable:
                sampler = _Endless()
            else:
                sampler = RandomSampler(dataset, generator=generator) if shuffle else SequentialSampler(dataset)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size, self.drop_last, self.sampler, self.batch_sampler = batch_size, drop_last, sampler, batch_sampler
        auto = batch_sampler is not None
        self.collate_fn = collate_fn if collate_fn is not None else default_collate if auto else default_convert
        self._workers = None

    @property
    def _auto_collation(self):
        return self.batch_sampler is not None

    def _seed(self):
        from ... import empty, int64
        return int(empty((), dtype=int64).random_(generator=self.generator).item())

    def __iter__(self):
        if self.num_workers == 0:
            return _Here(self)
        if self.persistent_workers and self._workers is not None and self._workers.alive():
            return self._workers.restart()
        workers = _Elsewhere(self)
        if self.persistent_workers:
            self._workers = workers
        return workers

    def __len__(self):
        if self._iterable:
            n = len(self.dataset)
            if self.batch_size is None:
                return n
            return n // self.batch_size if self.drop_last else -(-n // self.batch_size)
        return len(self.batch_sampler if self._auto_collation else self.sampler)

    def _numbers(self):
        return iter(self.batch_sampler if self._auto_collation else self.sampler)


class _Here:
    """One pass in this process."""

    def __init__(self, loader):
        self._base_seed = loader._seed()
        self._numbers = loader._numbers()
        self._fetch = _worker.fetcher(loader.dataset, loader.collate_fn, loader._auto_collation, loader._iterable,
                                      loader.drop_last)
        self._loader = loader

    def __iter__(self):
        return self

    def __len__(self):
        return len(self._loader)

    def __next__(self):
        return self._fetch(next(self._numbers))


class _Elsewhere:
    """One pass (or several) with worker processes: batches come in the order in which they were asked for."""

    def __init__(self, loader):
        self._loader = loader
        context = loader.multiprocessing_context
        if context is None or isinstance(context, str):
            # Threads of a forked process are gone, and with them what they held: spawn is safe everywhere.
            context = multiprocessing.get_context(context or ("fork" if multiprocessing.get_start_method(True) == "fork" else None))
        self._results = context.Queue()
        self._tasks, self._processes = [], []
        base_seed = loader._seed()
        parent = _Parent()
        for number in range(loader.num_workers):
            tasks = context.Queue()
            tasks.cancel_join_thread()
            process = context.Process(
                target=_worker.run, daemon=True,
                args=(loader.dataset, loader._iterable, tasks, self._results, loader.collate_fn, loader._auto_collation,
                      loader.drop_last, base_seed, loader.worker_init_fn, number, loader.num_workers, parent))
            process.start()
            self._tasks.append(tasks)
            self._processes.append(process)
        self._begin()

    def _begin(self):
        self._numbers = self._loader._numbers()
        self._sent = self._given = 0
        self._waiting, self._owner = {}, {}
        self._done = set()
        for _ in range(self._loader.prefetch_factor * self._loader.num_workers or 1):
            self._ask()

    def restart(self):
        """Another pass with the same workers."""
        if self._loader._iterable:
            raise RuntimeError("persistent_workers go through an iterable data set once")
        while self._given < self._sent:
            self._receive()
        self._loader._seed()
        self._begin()
        return self

    def alive(self):
        """Whether all workers run."""
        return bool(self._processes) and all(p.is_alive() for p in self._processes)

    def _ask(self):
        free = [w for w in range(len(self._tasks)) if w not in self._done]
        if not free:
            return
        try:
            numbers = next(self._numbers)
        except StopIteration:
            return
        worker = self._sent % len(self._tasks)
        while worker in self._done:
            worker = (worker + 1) % len(self._tasks)
        self._owner[self._sent] = worker
        self._tasks[worker].put((self._sent, numbers))
        self._sent += 1

    def _receive(self):
        waited = 0.0
        while self._given not in self._waiting:
            try:
                at, worker, value = self._results.get(timeout=1.0)
            except queue.Empty:
                waited += 1.0
                dead = [p for p in self._processes if not p.is_alive()]
                if dead:
                    pids = ", ".join(str(p.pid) for p in dead)
                    self._stop()
                    raise RuntimeError(f"DataLoader worker (pid(s) {pids}) exited unexpectedly") from None
                if self._loader.timeout and waited >= self._loader.timeout:
                    self._stop()
                    raise RuntimeError(f"DataLoader timed out after {self._loader.timeout} seconds") from None
                continue
            self._waiting[at] = (worker, value)
        worker, value = self._waiting.pop(self._given)
        self._given += 1
        if value is StopIteration:
            self._done.add(worker)
        return value

    def __iter__(self):
        return self

    def __len__(self):
        return len(self._loader)

    def __next__(self):
        while self._given < self._sent:
            value = self._receive()
            self._ask()
            if isinstance(value, _worker.Failure):
                self._stop()
                value.reraise()
            if value is not StopIteration:
                return value
        if not self._loader.persistent_workers:
            self._stop()
        raise StopIteration

    def _stop(self):
        for tasks in self._tasks:
            try:
                tasks.put(None)
            except (OSError, ValueError):
                pass
        for process in self._processes:
            process.join(timeout=2.0)
            if process.is_alive():
                process.terminate()
        self._tasks, self._processes = [], []
        self._given = self._sent

    def __del__(self):
        if getattr(self, "_processes", None):
            self._stop()


class _Parent:
    """Whether the process that made this still runs; asked by its workers."""

    def __init__(self):
        import os
        self.pid = os.getpid()

    def is_alive(self):
        import os
        return os.getppid() == self.pid
