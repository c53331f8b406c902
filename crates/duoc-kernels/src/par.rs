//! The fork-join thread pool.
//!
//! Workers run kernel chunks only: they never take a lock of the caller's and never wait for other work. A region's
//! chunks are fixed by the caller (by shape); which thread runs a chunk is not.
//!
//! A caller posts its region to some workers, works through the chunks itself, and takes back the posts that no worker
//! has answered by then: it waits for chunks that run, never for a thread to wake up. Workers watch their post for
//! [`SPIN`] after the last region, so that a chain of regions is handed over in well under a microsecond, and then
//! sleep. One region runs at a time; a region inside a region, or beside another thread's, runs in its caller.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, Once, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// Work below this many simple element operations is not worth a second thread.
pub const GRAIN: usize = 32 * 1024;
/// Most threads of a region, the caller included.
pub const MAX_THREADS: usize = 256;
/// How long an idle worker watches for the next region before it sleeps.
const SPIN: Duration = Duration::from_micros(50);

static THREADS: AtomicUsize = AtomicUsize::new(0);

/// The number of threads a region may use, the caller included.
///
/// At first `OMP_NUM_THREADS` if it is set, else the processors that this process may use, container quotas included.
#[inline]
pub fn num_threads() -> usize {
    match THREADS.load(Ordering::Relaxed) {
        0 => first_num_threads(),
        n => n,
    }
}

#[cold]
fn first_num_threads() -> usize {
    let wanted = std::env::var("OMP_NUM_THREADS").ok();
    let wanted = wanted.and_then(|v| v.split(',').next().and_then(|first| first.trim().parse::<usize>().ok()));
    let n = wanted.filter(|n| *n > 0).unwrap_or_else(processors).min(MAX_THREADS);
    // Whoever has set a number in the meantime is right.
    match THREADS.compare_exchange(0, n, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => n,
        Err(set) => set,
    }
}

fn processors() -> usize {
    static N: OnceLock<usize> = OnceLock::new();
    *N.get_or_init(|| std::thread::available_parallelism().map_or(1, |n| n.get()))
}

/// Sets the number of threads (from 1 to [`MAX_THREADS`]). Results do not depend on it.
pub fn set_num_threads(n: usize) {
    THREADS.store(n.clamp(1, MAX_THREADS), Ordering::Relaxed);
}

/// Calls `f(chunk)` for every chunk in `0..chunks`, on any thread, each once; returns when all are done.
///
/// If a chunk panics, chunks that have not begun are left out and the panic goes on in the caller.
pub fn for_chunks(chunks: usize, f: &(dyn Fn(usize) + Sync)) {
    let threads = num_threads().min(chunks);
    if threads <= 1 || IN_REGION.get() {
        (0..chunks).for_each(f);
        return;
    }
    let pool = pool();
    if pool.busy.swap(true, Ordering::Acquire) {
        (0..chunks).for_each(f);
        return;
    }
    IN_REGION.set(true);
    let panic = pool.run(threads, chunks, f);
    IN_REGION.set(false);
    pool.busy.store(false, Ordering::Release);
    if let Some(panic) = panic {
        resume_unwind(panic);
    }
}

/// Splits `0..n` into ranges of about `grain` elements and calls `f(begin, end)` for each.
pub fn for_range(n: usize, grain: usize, f: &(dyn Fn(usize, usize) + Sync)) {
    if n == 0 {
        return;
    }
    let chunks = n.div_ceil(grain.max(1)).min(num_threads() * 4).max(1);
    // Whole cache lines for any element size, so that two threads do not write to one line.
    let size = n.div_ceil(chunks).next_multiple_of(64);
    for_chunks(n.div_ceil(size), &|c| {
        let begin = c * size;
        f(begin, (begin + size).min(n));
    });
}

/// As [`for_range`] for pieces of work that are large one by one (tiles, blocks, rows): ranges of `group` of them.
pub fn for_units(n: usize, group: usize, f: &(dyn Fn(usize, usize) + Sync)) {
    let group = group.clamp(1, n.max(1));
    for_chunks(n.div_ceil(group), &|c| f(c * group, ((c + 1) * group).min(n)));
}

thread_local! {
    /// Whether this thread is inside a region; always so in workers.
    static IN_REGION: Cell<bool> = const { Cell::new(false) };
}

/// One call of [`for_chunks`], on the stack of its caller.
struct Region<'a> {
    f: &'a (dyn Fn(usize) + Sync),
    chunks: usize,
    next: AtomicUsize,
    /// Workers that have answered and are done. The last thing a worker touches.
    done: AtomicUsize,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

impl Region<'_> {
    fn work(&self) {
        let result = catch_unwind(AssertUnwindSafe(|| {
            loop {
                let chunk = self.next.fetch_add(1, Ordering::Relaxed);
                if chunk >= self.chunks {
                    break;
                }
                (self.f)(chunk);
            }
        }));
        if let Err(payload) = result {
            self.next.store(self.chunks, Ordering::Relaxed);
            self.panic
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get_or_insert(payload);
        }
    }
}

/// A worker's mailbox, on cache lines of its own.
#[repr(align(128))]
struct Seat {
    post: AtomicPtr<Region<'static>>,
    asleep: AtomicBool,
    thread: OnceLock<Thread>,
}

struct Pool {
    /// Whether a region runs; its caller alone touches what follows.
    busy: AtomicBool,
    seats: [Seat; MAX_THREADS - 1],
    /// Workers that exist.
    hired: AtomicUsize,
    /// The caller, while it sleeps for the last chunks.
    caller: Mutex<Option<Thread>>,
    caller_asleep: AtomicBool,
}

static POOL: AtomicPtr<Pool> = AtomicPtr::new(null_mut());

fn pool() -> &'static Pool {
    let p = POOL.load(Ordering::Acquire);
    // SAFETY: pools are leaked, so a pointer that was ever published stays good.
    if !p.is_null() { unsafe { &*p } } else { new_pool() }
}

#[cold]
fn new_pool() -> &'static Pool {
    static FORK: Once = Once::new();
    FORK.call_once(|| crate::sys::after_fork_in_child(forget_pool));
    let fresh = Box::into_raw(Box::new(Pool {
        busy: AtomicBool::new(false),
        seats: [const {
            Seat {
                post: AtomicPtr::new(null_mut()),
                asleep: AtomicBool::new(false),
                thread: OnceLock::new(),
            }
        }; MAX_THREADS - 1],
        hired: AtomicUsize::new(0),
        caller: Mutex::new(None),
        caller_asleep: AtomicBool::new(false),
    }));
    match POOL.compare_exchange(null_mut(), fresh, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: published and never freed.
        Ok(_) => unsafe { &*fresh },
        Err(other) => {
            // SAFETY: `fresh` was not published; `other` was and is never freed.
            unsafe {
                drop(Box::from_raw(fresh));
                &*other
            }
        }
    }
}

/// In a forked child the workers do not exist: the pool is left behind and the next region makes a new one.
extern "C" fn forget_pool() {
    POOL.store(null_mut(), Ordering::Release);
}

impl Pool {
    /// Runs a region on `threads` threads; the caller holds `busy`. Returns the payload of a panicking chunk.
    fn run(&'static self, threads: usize, chunks: usize, f: &(dyn Fn(usize) + Sync)) -> Option<Box<dyn Any + Send>> {
        let region = Region {
            f,
            chunks,
            next: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
            panic: Mutex::new(None),
        };
        let post: *mut Region<'static> = (&raw const region).cast_mut().cast();
        let workers = self.hire(threads - 1);
        for seat in &self.seats[..workers] {
            seat.post.store(post, Ordering::SeqCst);
            if seat.asleep.load(Ordering::SeqCst)
                && let Some(thread) = seat.thread.get()
            {
                thread.unpark();
            }
        }
        region.work();
        // SAFETY of the stack reference: every post is taken back here or answered, and all who answered are waited for.
        let mut answered = 0;
        for seat in &self.seats[..workers] {
            if seat.post.swap(null_mut(), Ordering::AcqRel).is_null() {
                answered += 1;
            }
        }
        self.wait(&region.done, answered);
        region.panic.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes sure that `wanted` workers exist, as far as the system lets us, and returns how many may be used.
    fn hire(&'static self, wanted: usize) -> usize {
        let mut hired = self.hired.load(Ordering::Relaxed);
        while hired < wanted {
            let seat = &self.seats[hired];
            let spin = hired + 1 < processors();
            let spawned = std::thread::Builder::new()
                .name(format!("duoc-{}", hired + 1))
                .spawn(move || self.serve(seat, spin));
            let Ok(handle) = spawned else { break };
            let _ = seat.thread.set(handle.thread().clone());
            hired += 1;
            self.hired.store(hired, Ordering::Relaxed);
        }
        hired.min(wanted)
    }

    /// The life of a worker.
    fn serve(&'static self, seat: &'static Seat, spin: bool) {
        IN_REGION.set(true);
        let mut idle_since = Instant::now();
        let mut turns = 0u32;
        loop {
            // A load first: a swap would pull the line away from the poster all the time.
            if !seat.post.load(Ordering::Relaxed).is_null() {
                let post = seat.post.swap(null_mut(), Ordering::AcqRel);
                if !post.is_null() {
                    // SAFETY: having taken the post, this worker is waited for until it raises `done`.
                    let region = unsafe { &*post };
                    region.work();
                    region.done.fetch_add(1, Ordering::SeqCst);
                    if self.caller_asleep.load(Ordering::SeqCst)
                        && let Some(thread) = &*self.caller.lock().unwrap_or_else(PoisonError::into_inner)
                    {
                        thread.unpark();
                    }
                    idle_since = Instant::now();
                    turns = 0;
                }
                continue;
            }
            turns += 1;
            let watch = spin && (!turns.is_multiple_of(32) || idle_since.elapsed() < SPIN);
            if watch {
                std::hint::spin_loop();
                continue;
            }
            seat.asleep.store(true, Ordering::SeqCst);
            if seat.post.load(Ordering::SeqCst).is_null() {
                std::thread::park();
            }
            seat.asleep.store(false, Ordering::SeqCst);
            idle_since = Instant::now();
        }
    }

    /// Waits until `done` reaches `answered`: briefly awake, then asleep.
    fn wait(&self, done: &AtomicUsize, answered: usize) {
        for _ in 0..2000 {
            if done.load(Ordering::Acquire) == answered {
                return;
            }
            std::hint::spin_loop();
        }
        *self.caller.lock().unwrap_or_else(PoisonError::into_inner) = Some(std::thread::current());
        self.caller_asleep.store(true, Ordering::SeqCst);
        while done.load(Ordering::SeqCst) != answered {
            std::thread::park_timeout(Duration::from_millis(10));
        }
        self.caller_asleep.store(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    /// The number of threads is global: tests that set it take turns.
    static TURN: Mutex<()> = Mutex::new(());

    #[test]
    fn every_chunk_runs_once_for_any_number_of_threads() {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        for threads in [1, 2, 3, 8] {
            set_num_threads(threads);
            for chunks in [0, 1, 2, 7, 100, 1000] {
                let counts: Vec<AtomicU64> = (0..chunks).map(|_| AtomicU64::new(0)).collect();
                for_chunks(chunks, &|c| {
                    counts[c].fetch_add(1, Ordering::Relaxed);
                });
                assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 1));
            }
            let sum = AtomicU64::new(0);
            for_range(100_003, 1000, &|begin, end| {
                sum.fetch_add((begin..end).map(|i| i as u64).sum(), Ordering::Relaxed);
            });
            assert_eq!(sum.into_inner(), 100_002 * 100_003 / 2);
        }
        set_num_threads(processors());
    }

    #[test]
    fn nested_regions_run_in_place() {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        set_num_threads(3);
        let count = AtomicU64::new(0);
        for_chunks(6, &|_| {
            for_chunks(5, &|_| {
                count.fetch_add(1, Ordering::Relaxed);
            })
        });
        assert_eq!(count.into_inner(), 30);
        set_num_threads(processors());
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        set_num_threads(4);
        for bad in 0..20 {
            let caught = catch_unwind(|| {
                for_chunks(20, &|c| {
                    if c == bad {
                        resume_unwind(Box::new("chunk"));
                    }
                })
            });
            assert_eq!(*caught.unwrap_err().downcast::<&str>().unwrap(), "chunk");
            let count = AtomicU64::new(0);
            for_chunks(50, &|_| {
                count.fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(count.into_inner(), 50);
        }
        set_num_threads(processors());
    }

    #[test]
    fn callers_on_several_threads_do_not_wait_for_each_other() {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        set_num_threads(3);
        std::thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    for _ in 0..500 {
                        let count = AtomicU64::new(0);
                        for_chunks(9, &|_| {
                            count.fetch_add(1, Ordering::Relaxed);
                        });
                        assert_eq!(count.into_inner(), 9);
                    }
                });
            }
        });
        set_num_threads(processors());
    }

    #[cfg(unix)]
    #[test]
    fn a_forked_child_has_a_pool_of_its_own() {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        unsafe extern "C" {
            fn fork() -> i32;
            fn _exit(code: i32) -> !;
            fn waitpid(pid: i32, status: *mut i32, options: i32) -> i32;
        }
        set_num_threads(3);
        for_chunks(10, &|_| {});
        // SAFETY: the child calls only the pool and `_exit`.
        unsafe {
            let pid = fork();
            if pid == 0 {
                let count = AtomicU64::new(0);
                for_chunks(64, &|_| {
                    std::thread::sleep(Duration::from_micros(200));
                    count.fetch_add(1, Ordering::Relaxed);
                });
                _exit(if count.into_inner() == 64 { 0 } else { 1 });
            }
            let mut status = -1;
            assert_eq!(waitpid(pid, &mut status, 0), pid);
            assert_eq!(status, 0);
        }
        set_num_threads(processors());
    }
}
