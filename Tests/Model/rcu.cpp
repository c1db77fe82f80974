/* rcu.cpp: sections, grace periods and the thread that runs callbacks. */
#include "rcu.hpp"

#include "objects.hpp"

namespace model {

enum { MOST_WORKERS = 4, MOST_CALLBACKS = 32 };

/* The words by which memory is ordered. */
struct rcu_words {
  rl::atomic<unsigned> grace_periods;              /* begun */
  rl::atomic<unsigned> sections_ended[MOST_WORKERS];
  rl::atomic<unsigned> called;
};

struct rcu_callback {
  rcu_head *head;
  void (*function)(rcu_head *);
  unsigned waits_for[MOST_WORKERS]; /* so many ended sections of each worker */
};

/* Plain: relacy changes threads only at its own operations. */
static rcu_words *words;
static unsigned workers, workers_left;
static unsigned depth[MOST_WORKERS + 1], ended[MOST_WORKERS];
static rcu_callback callbacks[MOST_CALLBACKS];
static unsigned callback_count;
static bool reclaimer_sleeps, is_over, sections_count;

void rcu_begin(unsigned count) {
  words = make<rcu_words>();
  words->grace_periods.store(0, rl::mo_relaxed, $);
  words->called.store(0, rl::mo_relaxed, $);
  for (auto &word : words->sections_ended) word.store(0, rl::mo_relaxed, $);
  workers = workers_left = count;
  memset(depth, 0, sizeof depth);
  memset(ended, 0, sizeof ended);
  callback_count = 0;
  reclaimer_sleeps = is_over = false;
}

static unsigned change(rl::atomic<unsigned> &word, unsigned by, rl::memory_order order) {
  return word.rmw(rl::rmw_type_t<rl::rmw_type_add>(), by, order, $);
}

static void wake_reclaimer() {
  if (!reclaimer_sleeps) return;
  reclaimer_sleeps = false;
  rl::ctx().unpark_thread(workers, false, $);
}

void rcu_read_lock(const site &s) {
  sections_count = mutant.at != &s;
  unsigned self = rl::thread_index();
  if (is_over || self >= workers) return;
  if (depth[self] == 0) change(words->grace_periods, 0, rl::mo_acquire);
  depth[self]++; /* in one step with the look at the grace periods */
}

void rcu_read_unlock() {
  unsigned self = rl::thread_index();
  if (is_over || self >= workers) return;
  RL_ASSERT(depth[self] > 0);
  if (depth[self] == 1) {
    change(words->sections_ended[self], 1, rl::mo_release);
    ended[self]++;
    wake_reclaimer();
  }
  depth[self]--;
}

void rcu_call(rcu_head *head, void (*function)(rcu_head *)) {
  head->state = 1;
  if (is_over) return function(head);
  RL_ASSERT(callback_count < MOST_CALLBACKS);
  change(words->called, 1, rl::mo_release);
  change(words->grace_periods, 1, rl::mo_release);
  rcu_callback &callback = callbacks[callback_count++];
  callback.head = head;
  callback.function = function;
  for (unsigned i = 0; i < workers; i++) callback.waits_for[i] = ended[i] + (depth[i] > 0 && sections_count);
  wake_reclaimer();
}

/* Runs one whose grace period is over, whichever; false: there is none. */
static bool run_one() {
  unsigned first = callback_count > 1 ? rl::rand(callback_count) : 0;
  for (unsigned n = 0; n < callback_count; n++) {
    unsigned i = (first + n) % callback_count;
    rcu_callback callback = callbacks[i];
    bool is_ready = true;
    for (unsigned t = 0; t < workers; t++) is_ready = is_ready && ended[t] >= callback.waits_for[t];
    if (!is_ready) continue;
    callbacks[i] = callbacks[--callback_count];
    change(words->called, 0, rl::mo_acquire);
    for (unsigned t = 0; t < workers; t++)
      if (callback.waits_for[t] > 0) change(words->sections_ended[t], 0, rl::mo_acquire);
    callback.head->state = 0;
    callback.function(callback.head);
    return true;
  }
  return false;
}

void rcu_reclaim() {
  for (;;) {
    if (run_one()) continue;
    if (workers_left == 0) break;
    reclaimer_sleeps = true;
    rl::ctx().park_current_thread(false, false, false, $);
  }
  RL_ASSERT(callback_count == 0);
}

void rcu_worker_ends() {
  RL_ASSERT(depth[rl::thread_index()] == 0);
  workers_left--;
  wake_reclaimer();
}

void rcu_end() {
  if (is_over) return;
  is_over = true;
  while (callback_count > 0) {
    rcu_callback callback = callbacks[--callback_count];
    callback.function(callback.head);
  }
  unmake(words);
  words = nullptr;
}

}  // namespace model
