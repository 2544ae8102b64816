//! What a search says it takes is what it takes: counted where memory is allocated. A program has one
//! allocator, so this is a program of its own, with one test.

#![allow(unsafe_code)] // An allocator is not written without.

use hyperv_replica::testkit::beginning::Beginning;
use hyperv_replica::testkit::explore::{Bound, Explorer, Order};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The system's allocator, which counts how many bytes there are, and how many there were at most.
struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn came(bytes: usize) {
    MOST.fetch_max(BYTES.fetch_add(bytes, Relaxed) + bytes, Relaxed);
}

// SAFETY: everything is handed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        came(layout.size());
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    /// Large blocks are moved to larger ones page by page, without a copy.
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        BYTES.fetch_sub(layout.size(), Relaxed);
        came(size);
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What it takes beside what it counts: a report, what a thread remembers to have met.
const BESIDE: usize = 700_000;

#[test]
fn a_search_takes_what_it_says() {
    let search = |observed: bool| Explorer { observed, ..Explorer::new(Beginning::lab(2, 1)) };
    let deep = |observed| Explorer { order: Order::Depth, depth: Some(400), ..search(observed) };
    let most = |memory_bytes, search| Explorer { memory_bytes, ..search };
    let searches = [
        ("states", most(2_000_000, search(false))),
        ("states, observed", Explorer { depth: Some(3), ..search(true) }),
        ("worlds", most(4_000_000, deep(false))),
        ("worlds, observed", most(8_000_000, deep(true))),
        // Both at once.
        (
            "walks",
            most(
                4_000_000,
                Explorer { threads: 2, order: Order::Swarm(vec![1, 2]), ..deep(false) },
            ),
        ),
    ];
    let mut all = Vec::new();
    for (what, search) in searches {
        let before = BYTES.load(Relaxed);
        MOST.store(before, Relaxed);
        let report = search.run();
        let took = MOST.load(Relaxed) - before;
        println!("{what}: {} bytes for {} states, {took} in fact", report.bytes, report.states);
        all.push((what, search, report, took));
    }
    for (what, search, report, took) in all {
        assert!(report.bytes <= search.memory_bytes, "{what}: {}", report.bytes);
        let bounded = search.memory_bytes < 1 << 30;
        assert_eq!(report.bound == Some(Bound::Memory), bounded, "{what}");
        // Within a factor of two both ways, unless walks that are counted together go one by one.
        assert!(took <= 2 * report.bytes + BESIDE, "{what}: {took} of {}", report.bytes);
        let at_once = search.threads == 1;
        assert!(!at_once || took >= report.bytes / 2, "{what}: {took} of {}", report.bytes);
    }
}
