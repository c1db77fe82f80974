/*
 * exchange_base.hpp: a segment between a parent and a worker, both threads here, and what they do with records.
 *
 * The rings' memory is plain, so for each of its words there is a variable in which relacy finds races: who
 * reserves writes those of the whole record, with the pad before it, and who reads it reads them.
 */
#ifndef SL_MODEL_EXCHANGE_BASE_HPP
#define SL_MODEL_EXCHANGE_BASE_HPP

#include "system.hpp"

#include "sl_exchange.h"

namespace model {

/* Payloads of 0 or 8 bytes: a ring holds four records of the larger kind, or eight of the other. */
enum { EXCHANGE_RING = 64, EXCHANGE_KIND = 7 };

/* An event as eventfd(2) makes one, which orders nothing here. */
class event {
  sl_atomic_u32 is_signalled_;

public:
  void init() { sl_store_relaxed_u32(&is_signalled_, 0); }
  void signal() {
    sl_store_relaxed_u32(&is_signalled_, 1);
    sl_futex_wake(&is_signalled_, 1);
  }
  void await_and_reset() {
    while (sl_exchange_relaxed_u32(&is_signalled_, 0) == 0) sl_futex_wait(&is_signalled_, 0, UINT64_MAX);
  }
};

}  // namespace model

template <typename Suite, unsigned THREADS> struct exchange_base : rl::test_suite<Suite, THREADS> {
  struct {
    sl_exchange_facts facts;
    uint64_t rings[2 * model::EXCHANGE_RING / 8];
  } segment;
  sl_exchange parent, worker;
  rl::var<uint32_t> words[2][model::EXCHANGE_RING / 8];
  model::event doorbell, parent_event;
  uint32_t admitted;

  /* Positions start at `first`, below their wrap-around, and the counts one below theirs. */
  void begin(uint64_t first = 0) {
    model::begin_system(model::SYMMETRIC);
    sl_exchange_init(&parent, &segment, model::EXCHANGE_RING, model::EXCHANGE_RING);
    RL_ASSERT(sl_exchange_open(&worker, &segment, sizeof segment));
    for (sl_exchange *x : {&parent, &worker})
      x->request_tail = x->request_head = x->response_tail = x->response_head = first;
    sl_store_relaxed_u64(&segment.facts.request_head_, first);
    sl_store_relaxed_u64(&segment.facts.response_tail_, first);
    sl_store_relaxed_u64(&segment.facts.response_head_, first);
    admitted = SL_EXCHANGE_COUNT_;
    sl_store_relaxed_u64(&segment.facts.admission_, SL_EXCHANGE_COUNT_ << 32 | SL_EXCHANGE_COUNT_);
    doorbell.init();
    parent_event.init();
    for (auto &ring : words)
      for (auto &word : ring) VAR(word) = 0;
  }
  void before() { begin(); }

  void write(int ring, uint64_t from, uint64_t to, uint32_t number) {
    for (; from != to; from += 8) VAR(words[ring][from % model::EXCHANGE_RING / 8]) = number;
  }
  void read(int ring, uint64_t from, const sl_exchange_record &record, uint32_t number) {
    RL_ASSERT(record.user == number && record.kind == model::EXCHANGE_KIND);
    RL_ASSERT(record.bytes == 0 || record.bytes == 8);
    uint64_t at = (uint64_t)(record.payload - (ring == 0 ? worker.requests : parent.responses)) - 8;
    do {
      RL_ASSERT(VAR(words[ring][from % model::EXCHANGE_RING / 8]) == number);
      from += 8;
    } while ((from - record.bytes - 8) % model::EXCHANGE_RING != at);
  }

  /* ---- Parent ---- */

  /* Puts a request; false: there is no room as far as it knows. */
  bool put(uint32_t number, uint32_t bytes) {
    uint64_t before = parent.request_tail;
    if (sl_exchange_reserve(&parent, bytes, model::EXCHANGE_KIND, 0) == nullptr) return false;
    uint64_t place = parent.request_tail;
    sl_exchange_set_user(parent.requests + place % model::EXCHANGE_RING + 8, (uint16_t)number);
    sl_exchange_put(&parent, bytes);
    write(0, before, parent.request_tail, number);
    return true;
  }
  void admit(uint32_t n) {
    sl_exchange_admit(&parent, n);
    admitted = (admitted + n) & (uint32_t)SL_EXCHANGE_COUNT_;
  }
  /* The next response, which is `number`; false: there is none. */
  bool get(uint32_t number) {
    sl_exchange_record record;
    uint64_t from = parent.response_head;
    sl_exchange_found found = sl_exchange_look(&parent, &record);
    if (found == SL_EXCHANGE_NOTHING) return false;
    RL_ASSERT(found == SL_EXCHANGE_RECORD);
    read(1, from, record, number);
    sl_exchange_next(&parent, &record);
    return true;
  }
  void wake_worker() {
    if (sl_exchange_must_wake_worker(&parent)) doorbell.signal();
  }
  /* Sleeps until the condition holds. */
  template <typename Condition> void parent_waits(Condition condition) {
    for (;;) {
      sl_exchange_parent_sleeps(&parent);
      bool holds = condition();
      if (!holds) parent_event.await_and_reset();
      sl_exchange_parent_woke(&parent);
      if (holds) return;
    }
  }

  /* ---- Worker ---- */

  /* The request of the item that was started, which is `number`. */
  void take(uint32_t number) {
    uint64_t from = worker.request_head;
    sl_exchange_record record = sl_exchange_request(&worker);
    read(0, from, record, number);
    sl_exchange_took(&worker, &record);
  }
  bool respond(uint32_t number, uint32_t bytes) {
    uint64_t before = worker.response_tail;
    if (sl_exchange_respond(&worker, bytes, model::EXCHANGE_KIND, (uint16_t)number) == nullptr) return false;
    write(1, before, worker.response_tail + sl_exchange_record_bytes(bytes), number);
    sl_exchange_commit(&worker, bytes);
    return true;
  }
  void wake_parent() {
    if (sl_exchange_must_wake_parent(&worker)) parent_event.signal();
  }
  template <typename Condition> void worker_waits(Condition condition) {
    sl_exchange_publish(&worker);
    wake_parent();
    for (;;) {
      sl_exchange_worker_sleeps(&worker);
      if (condition()) break;
      doorbell.await_and_reset();
    }
    sl_exchange_worker_woke(&worker);
  }
};

#endif
