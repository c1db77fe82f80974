/*
 * sl_exchange.h: a parent and one worker process exchange items through a shared segment.
 *
 * Algorithm. Two rings of bytes between one writer and one reader each, which hold records one after
 * the other: requests go to the worker, responses come back. What says how far the requests go is not
 * a position in the ring but one word, *admission*: how many items the parent has admitted so far, how
 * many of them the worker has started, and whether it must start no more. The worker starts an item by a
 * compare-and-swap on that word, so that the parent can take items back that are not started: it lowers the
 * number of admitted ones to that of the started ones by the same means, and writes over their records.
 *
 *     segment:  | facts | admission | parent's line | worker's line | asleep | asleep | requests | responses
 *     ring:     | header, payload | header, payload | … | pad |        headers and payloads at multiples of 8
 *     header:   payload bytes (32 bits), kind (16), user (16)
 *
 * A record lies in one piece: where the ring's end leaves too little, a pad record fills it. Positions
 * count bytes and only grow; a ring's size is a power of two.
 *
 * Source. Rings between two that copy each other's position: Lamport, "Proving the Correctness of
 * Multiprocess Programs" (1977); one word for two counters that move together: the owner's and the
 * thieves' ends of work-stealing queues, as in Chase and Lev, "Dynamic Circular Work-Stealing Deque" (2005).
 *
 * Trust. The parent trusts nothing that the worker may have written: it reads each shared field once,
 * checks it, and uses what it has read. A position that cannot be, a record beyond it, a length that
 * does not fit: SL_EXCHANGE_BROKEN, and the parent gives that worker up. Nothing that the parent needs
 * to find its own way (its positions, the sizes) is read back from the segment.
 *
 * Progress. Everything but start is wait-free, whatever the other side does or writes; recall in as many
 * tries as there are places for records. start is lock-free: it repeats only when the parent has moved the word.
 * None waits.
 *
 * Orderings.
 *   [XC1] admit, fetch_add seq_cst admission -> start, load and compare-and-swap seq_cst admission: the
 *         requests are visible. recall and stop change the same word in between, which breaks no release sequence.
 *   [XC2] worker, store release request_head -> parent, load acquire: the old request has been read
 *         before it is written over.
 *   [XC3] worker, store release response_tail -> parent, load acquire: the response is visible.
 *   [XC4] parent, store release response_head -> worker, load acquire: the old response has been read
 *         before it is written over.
 *   [XC5] close, store seq_cst closed -> worker, load seq_cst: whoever sees it sees all that was admitted or
 *         stopped before.
 *   [XC6] sleeper, store seq_cst sleeps, then loads what it waits for seq_cst; the other side, writes
 *         that seq_cst, then loads sleeps seq_cst: one of them sees the other's write, so nobody sleeps
 *         through what it waits for. Who waits for an item waits by starting it, and a joining stage's parent
 *         waits for items to be started: so start is seq_cst all through. A worker commits with release only,
 *         and looks at parent_sleeps_ without this guarantee; it gives it before it sleeps (publish).
 * recall and stop are relaxed: one word, which all change by read-modify-write, tells each of them where it came.
 * An item either was started before, or will not be by anybody who learns that they have returned. What is
 * recalled the worker has never looked at, so it may be written over.
 *
 * What excludes what. One thread at a time on each side.
 *
 * Invariants. 0 <= admitted - started, and all admitted items' records lie between request_head and the
 * parent's tail; counts wrap around at 2^31, and a ring holds fewer records than that.
 *
 * A dead worker. What it published in the response ring is there; everything else of the segment is
 * thrown away. The item that it had started and not answered is the one that `started` counts beyond the
 * answers; those from there on were never seen by it.
 */
#ifndef SL_EXCHANGE_H
#define SL_EXCHANGE_H

#include "sl_atomic.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SL_EXCHANGE_MAGIC UINT64_C(0x53c1ce0fe8c4a96e)
#define SL_EXCHANGE_COUNT_ UINT64_C(0x7fffffff)
#define SL_EXCHANGE_STOPPED_ UINT64_C(0x80000000)
enum { SL_EXCHANGE_VERSION = 1, SL_EXCHANGE_PAD = 0xffff };

/* What the parent finds in the response ring; broken: something that cannot be. */
typedef enum { SL_EXCHANGE_NOTHING = 0, SL_EXCHANGE_RECORD = 1, SL_EXCHANGE_BROKEN = 2 } sl_exchange_found;

/* The beginning of a segment. Written by the parent before it hands the segment over, but for the
 * atomic fields. */
typedef struct {
  uint64_t magic;
  uint32_t version;
  uint32_t facts_bytes; /* of this record: another layout has another size, or another version */
  uint64_t segment_bytes;
  uint64_t request_bytes;  /* of the ring, a power of two; it begins behind this record */
  uint64_t response_bytes; /* the same; behind the requests */
  char pad0_[SL_NO_SHARE];
  sl_atomic_u64 admission_; /* admitted (32 bits), stopped (1), started (31); both write it */
  char pad1_[SL_NO_SHARE];
  sl_atomic_u64 response_head_; /* the parent's line */
  sl_atomic_u64 output_limit_;
  sl_atomic_u32 closed_;
  char pad2_[SL_NO_SHARE];
  sl_atomic_u64 response_tail_; /* the worker's line */
  sl_atomic_u64 request_head_;
  char pad3_[SL_NO_SHARE];
  sl_atomic_u32 parent_sleeps_;
  char pad4_[SL_NO_SHARE];
  sl_atomic_u32 worker_sleeps_;
  char pad5_[SL_NO_SHARE];
} sl_exchange_facts;

/* One side's view of a segment. What it needs to find its way lies here, and not in the segment. */
typedef struct {
  sl_exchange_facts *facts;
  char *requests;
  char *responses;
  uint64_t request_bytes;
  uint64_t response_bytes;
  uint64_t request_tail; /* the parent's: where the next request goes */
  uint64_t request_head; /* the worker's: where the next request is; the parent's: up to where there is room */
  uint64_t response_tail; /* the worker's: where the next response goes; the parent's: up to where it may read */
  uint64_t response_head; /* the parent's: where the next response is; the worker's: up to where there is room */
} sl_exchange;

/* A record, in the memory of its ring. */
typedef struct {
  char *payload;
  uint32_t bytes;
  uint16_t kind;
  uint16_t user;
} sl_exchange_record;

static inline uint64_t sl_exchange_segment_bytes(uint64_t request_bytes, uint64_t response_bytes) {
  return sizeof(sl_exchange_facts) + request_bytes + response_bytes;
}

/* A view of a segment whose rings have these sizes. */
static inline void sl_exchange_attach(sl_exchange *x, void *segment, uint64_t request_bytes, uint64_t response_bytes) {
  x->facts = (sl_exchange_facts *)segment;
  x->requests = (char *)segment + sizeof(sl_exchange_facts);
  x->responses = x->requests + request_bytes;
  x->request_bytes = request_bytes;
  x->response_bytes = response_bytes;
  x->request_tail = x->request_head = x->response_tail = x->response_head = 0;
}

/* The parent: makes the memory, which is all zero, a segment. */
static inline void sl_exchange_init(sl_exchange *x, void *segment, uint64_t request_bytes, uint64_t response_bytes) {
  sl_exchange_attach(x, segment, request_bytes, response_bytes);
  x->facts->magic = SL_EXCHANGE_MAGIC;
  x->facts->version = SL_EXCHANGE_VERSION;
  x->facts->facts_bytes = (uint32_t)sizeof(sl_exchange_facts);
  x->facts->segment_bytes = sl_exchange_segment_bytes(request_bytes, response_bytes);
  x->facts->request_bytes = request_bytes;
  x->facts->response_bytes = response_bytes;
  sl_store_relaxed_u64(&x->facts->admission_, 0); /* relaxed: nobody else has it yet, and so below */
  sl_store_relaxed_u64(&x->facts->response_head_, 0);
  sl_store_relaxed_u64(&x->facts->output_limit_, 1);
  sl_store_relaxed_u32(&x->facts->closed_, 0);
  sl_store_relaxed_u64(&x->facts->response_tail_, 0);
  sl_store_relaxed_u64(&x->facts->request_head_, 0);
  sl_store_relaxed_u32(&x->facts->parent_sleeps_, 0);
  sl_store_relaxed_u32(&x->facts->worker_sleeps_, 0);
}

/* The worker: whether the memory, of `segment_bytes` bytes, is a segment of this version; attaches to it. */
static inline bool sl_exchange_open(sl_exchange *x, void *segment, uint64_t segment_bytes) {
  const sl_exchange_facts *facts = (const sl_exchange_facts *)segment;
  if (segment_bytes < sizeof(sl_exchange_facts) || facts->magic != SL_EXCHANGE_MAGIC ||
      facts->version != SL_EXCHANGE_VERSION || facts->facts_bytes != sizeof(sl_exchange_facts) ||
      facts->segment_bytes != segment_bytes ||
      sl_exchange_segment_bytes(facts->request_bytes, facts->response_bytes) != segment_bytes)
    return false;
  sl_exchange_attach(x, segment, facts->request_bytes, facts->response_bytes);
  return true;
}

/* ---- Records ------------------------------------------------------------------------------- */

static inline uint64_t sl_exchange_header_(uint32_t bytes, uint16_t kind, uint16_t user) {
  return (uint64_t)bytes | (uint64_t)kind << 32 | (uint64_t)user << 48;
}

/* What a record with this payload takes of a ring. */
static inline uint64_t sl_exchange_record_bytes(uint64_t payload) { return 8 + ((payload + 7) & ~UINT64_C(7)); }

/* The largest payload that a ring takes: a quarter of it, so that a pad never keeps one out for good. */
static inline uint64_t sl_exchange_largest(uint64_t ring_bytes) { return ring_bytes / 4 - 8; }

static inline void sl_exchange_put_header_(char *at, uint64_t header) { *(uint64_t *)(void *)at = header; }

/* One read, which the compiler may not repeat. */
static inline uint64_t sl_exchange_get_header_(const char *at) { return *(const volatile uint64_t *)(const void *)at; }

/* Where a record of `bytes` in all goes, with a pad record before it if it must; NULL: `room` is too little. */
static inline char *sl_exchange_place_(char *ring, uint64_t ring_bytes, uint64_t *tail, uint64_t room, uint64_t bytes) {
  uint64_t offset = *tail & (ring_bytes - 1), to_the_end = ring_bytes - offset;
  if (bytes <= to_the_end) return bytes <= room ? ring + offset : NULL;
  if (to_the_end + bytes > room) return NULL;
  sl_exchange_put_header_(ring + offset, sl_exchange_header_((uint32_t)(to_the_end - 8), SL_EXCHANGE_PAD, 0));
  *tail += to_the_end;
  return ring;
}

/* ---- Parent: requests ---------------------------------------------------------------------- */

/* Looks how far the worker has read; false: it says what cannot be. */
static inline bool sl_exchange_refresh_room(sl_exchange *x) {
  uint64_t head = sl_load_acquire_u64(&x->facts->request_head_); /* [XC2] */
  if (head - x->request_head > x->request_tail - x->request_head) return false;
  x->request_head = head;
  return true;
}

/*
 * Memory for the payload of the next request, whose header is written too; NULL: there is no room (see
 * sl_exchange_refresh_room). At most sl_exchange_largest(request_bytes). `put` makes it the parent's last
 * one; the worker sees it once it is admitted.
 */
static inline char *sl_exchange_reserve(sl_exchange *x, uint32_t payload, uint16_t kind, uint16_t user) {
  uint64_t room = x->request_bytes - (x->request_tail - x->request_head);
  uint64_t bytes = sl_exchange_record_bytes(payload);
  char *at = sl_exchange_place_(x->requests, x->request_bytes, &x->request_tail, room, bytes);
  if (at == NULL) return NULL;
  sl_exchange_put_header_(at, sl_exchange_header_(payload, kind, user));
  return at + 8;
}

/* Sets the user field of a record that is not published yet. */
static inline void sl_exchange_set_user(void *payload, uint16_t user) {
  char *header = (char *)payload - 8;
  uint64_t others = *(uint64_t *)(void *)header & ~(UINT64_C(0xffff) << 48);
  sl_exchange_put_header_(header, others | (uint64_t)user << 48);
}

static inline void sl_exchange_put(sl_exchange *x, uint32_t payload) {
  x->request_tail += sl_exchange_record_bytes(payload);
}

/* Lets the worker start n more items, whose requests were put. */
static inline void sl_exchange_admit(sl_exchange *x, uint32_t n) {
  sl_fetch_add_seq_cst_u64(&x->facts->admission_, (uint64_t)n << 32); /* [XC1] [XC6] */
}

/* How many items the worker says that it has started, since it exists, modulo 2^31: at least those whose
 * responses have been seen. */
static inline uint32_t sl_exchange_started(const sl_exchange *x) {
  /* relaxed: a count, by which nothing is read */
  return (uint32_t)sl_load_relaxed_u64(&x->facts->admission_) & SL_EXCHANGE_COUNT_;
}

/*
 * Takes back the items that are admitted and not started, `admitted` being the number admitted so far; how
 * many. The caller sets request_tail to the first one's place, and counts them as not admitted. More than
 * there can be: the worker has written nonsense, and nothing is taken back.
 */
static inline uint32_t sl_exchange_recall(sl_exchange *x, uint32_t admitted) {
  uint64_t most = x->request_bytes / 8;
  uint64_t word = sl_load_relaxed_u64(&x->facts->admission_); /* relaxed: the compare-and-swap checks it */
  /* Another try means that the worker has started an item meanwhile, or that somebody has stopped it. */
  for (uint64_t tries = 0; tries <= most + 1; tries++) {
    uint64_t started = word & SL_EXCHANGE_COUNT_, waiting = (admitted - started) & SL_EXCHANGE_COUNT_;
    if (waiting > most) break;
    uint64_t next = started << 32 | (word & SL_EXCHANGE_STOPPED_) | started;
    /* relaxed: see above, under the orderings */
    if (sl_cas_relaxed_u64(&x->facts->admission_, &word, next)) return (uint32_t)waiting;
  }
  return SL_EXCHANGE_COUNT_;
}

/* Any thread of the parent: no further item starts, for whoever knows that this has returned. */
static inline void sl_exchange_stop(sl_exchange_facts *facts) {
  sl_fetch_or_relaxed_u64(&facts->admission_, SL_EXCHANGE_STOPPED_); /* relaxed: as recall */
}

/* Any thread of the parent: no item will be admitted any more, and who yields an output is to stop. */
static inline void sl_exchange_close(sl_exchange_facts *facts) {
  sl_store_seq_cst_u32(&facts->closed_, 1); /* [XC5] [XC6] */
}

/* The worker may go on while it has written fewer responses than this, all together. */
static inline void sl_exchange_limit_output(sl_exchange *x, uint64_t responses) {
  sl_store_seq_cst_u64(&x->facts->output_limit_, responses); /* [XC6] */
}

/* ---- Parent: responses --------------------------------------------------------------------- */

/* The next response, which stays where it is until sl_exchange_next: the worker may go on writing in it, so
 * each byte is to be read once. */
static inline sl_exchange_found sl_exchange_look(sl_exchange *x, sl_exchange_record *record) {
  for (;;) {
    if (x->response_head == x->response_tail) {
      uint64_t tail = sl_load_acquire_u64(&x->facts->response_tail_); /* [XC3] */
      if (tail == x->response_head) return SL_EXCHANGE_NOTHING;
      if (tail - x->response_head > x->response_bytes || (tail & 7) != 0) return SL_EXCHANGE_BROKEN;
      x->response_tail = tail;
    }
    uint64_t offset = x->response_head & (x->response_bytes - 1), there = x->response_tail - x->response_head;
    uint64_t to_the_end = x->response_bytes - offset;
    if (there > to_the_end) there = to_the_end; /* a record lies in one piece */
    char *at = x->responses + offset;
    uint64_t header = sl_exchange_get_header_(at);
    record->payload = at + 8;
    record->bytes = (uint32_t)header;
    record->kind = (uint16_t)(header >> 32);
    record->user = (uint16_t)(header >> 48);
    uint64_t bytes = sl_exchange_record_bytes(record->bytes);
    if (bytes > there) return SL_EXCHANGE_BROKEN;
    if (record->kind != SL_EXCHANGE_PAD) return SL_EXCHANGE_RECORD;
    /* A pad fills a ring up to its end, and never a whole one: else a worker that wrote nothing but pads would
     * keep the parent here. */
    if (bytes != to_the_end || offset == 0) return SL_EXCHANGE_BROKEN;
    x->response_head += bytes;
  }
}

/* Whether there may be a response, for who is about to sleep. */
static inline bool sl_exchange_has_response(const sl_exchange *x) {
  return sl_load_seq_cst_u64(&x->facts->response_tail_) != x->response_head; /* [XC6] */
}

/* The response has been read; sl_exchange_release gives its memory back. */
static inline void sl_exchange_next(sl_exchange *x, const sl_exchange_record *record) {
  x->response_head += sl_exchange_record_bytes(record->bytes);
}

static inline void sl_exchange_release(sl_exchange *x) {
  sl_store_seq_cst_u64(&x->facts->response_head_, x->response_head); /* [XC4] [XC6] */
}

/* ---- Worker -------------------------------------------------------------------------------- */

/* Whether an item that is admitted is not started, and may be. */
static inline bool sl_exchange_may_start_(uint64_t word) {
  return ((word >> 32) & SL_EXCHANGE_COUNT_) != (word & SL_EXCHANGE_COUNT_) && (word & SL_EXCHANGE_STOPPED_) == 0;
}

/* Starts the next item, if one is admitted. */
static inline bool sl_exchange_start(sl_exchange *x) {
  uint64_t word = sl_load_seq_cst_u64(&x->facts->admission_), next; /* [XC1] [XC6] */
  do {
    if (!sl_exchange_may_start_(word)) return false;
    next = (word & ~SL_EXCHANGE_COUNT_) | ((word + 1) & SL_EXCHANGE_COUNT_);
  } while (!sl_cas_seq_cst_u64(&x->facts->admission_, &word, next)); /* [XC1] [XC6] */
  return true;
}

/* The request of the item that was started. */
static inline sl_exchange_record sl_exchange_request(sl_exchange *x) {
  for (;;) {
    char *at = x->requests + (x->request_head & (x->request_bytes - 1));
    uint64_t header = sl_exchange_get_header_(at);
    sl_exchange_record record = {at + 8, (uint32_t)header, (uint16_t)(header >> 32), (uint16_t)(header >> 48)};
    if (record.kind != SL_EXCHANGE_PAD) return record;
    x->request_head += sl_exchange_record_bytes(record.bytes);
  }
}

/* The request has been read: its memory is the parent's again. */
static inline void sl_exchange_took(sl_exchange *x, const sl_exchange_record *record) {
  x->request_head += sl_exchange_record_bytes(record->bytes);
  sl_store_release_u64(&x->facts->request_head_, x->request_head); /* [XC2] */
}

/* Memory for the payload of the next response; NULL: there is no room now. At most
 * sl_exchange_largest(response_bytes). */
static inline char *sl_exchange_respond(sl_exchange *x, uint32_t payload, uint16_t kind, uint16_t user) {
  uint64_t bytes = sl_exchange_record_bytes(payload);
  for (int look = 0;; look++) {
    uint64_t room = x->response_bytes - (x->response_tail - x->response_head);
    char *at = sl_exchange_place_(x->responses, x->response_bytes, &x->response_tail, room, bytes);
    if (at != NULL) {
      sl_exchange_put_header_(at, sl_exchange_header_(payload, kind, user));
      return at + 8;
    }
    if (look == 1) return NULL;
    x->response_head = sl_load_seq_cst_u64(&x->facts->response_head_); /* [XC4] [XC6] */
  }
}

/* Publishes the response. */
static inline void sl_exchange_commit(sl_exchange *x, uint32_t payload) {
  x->response_tail += sl_exchange_record_bytes(payload);
  sl_store_release_u64(&x->facts->response_tail_, x->response_tail); /* [XC3] */
}

/* Writes again how far the responses go, so that [XC6] holds for all of them. */
static inline void sl_exchange_publish(sl_exchange *x) {
  sl_store_seq_cst_u64(&x->facts->response_tail_, x->response_tail); /* [XC3] [XC6] */
}

/* Whether `responses` that were written leave the worker free to go on. */
static inline bool sl_exchange_may_go_on(const sl_exchange *x, uint64_t responses) {
  return responses < sl_load_seq_cst_u64(&x->facts->output_limit_); /* [XC6] */
}

static inline bool sl_exchange_is_closed(const sl_exchange *x) {
  return sl_load_seq_cst_u32(&x->facts->closed_) != 0; /* [XC5] [XC6] */
}

/* Whether an item could be started now. */
static inline bool sl_exchange_has_item(const sl_exchange *x) {
  return sl_exchange_may_start_(sl_load_seq_cst_u64(&x->facts->admission_)); /* [XC6] */
}

/* ---- Sleeping ------------------------------------------------------------------------------ */

/* Each side, before it looks once more and sleeps, and after it slept. */
static inline void sl_exchange_parent_sleeps(sl_exchange *x) {
  sl_store_seq_cst_u32(&x->facts->parent_sleeps_, 1); /* [XC6] */
}
static inline void sl_exchange_worker_sleeps(sl_exchange *x) {
  sl_store_seq_cst_u32(&x->facts->worker_sleeps_, 1); /* [XC6] */
}
static inline void sl_exchange_parent_woke(sl_exchange *x) {
  sl_store_relaxed_u32(&x->facts->parent_sleeps_, 0); /* relaxed: at worst it is woken for nothing */
}
static inline void sl_exchange_worker_woke(sl_exchange *x) {
  sl_store_relaxed_u32(&x->facts->worker_sleeps_, 0); /* relaxed: at worst it is woken for nothing */
}

static inline bool sl_exchange_must_wake_(sl_atomic_u32 *sleeps) {
  if (sl_load_seq_cst_u32(sleeps) == 0) return false; /* [XC6] */
  return sl_exchange_relaxed_u32(sleeps, 0) != 0;     /* relaxed: so that one of several writes wakes */
}

/* A hint: the parent sleeps. */
static inline bool sl_exchange_parent_is_asleep(const sl_exchange *x) {
  return sl_load_relaxed_u32(&x->facts->parent_sleeps_) != 0;
}

/* After a write that the other side may wait for: whether it sleeps, so that the caller has to wake it. */
static inline bool sl_exchange_must_wake_worker(sl_exchange *x) {
  return sl_exchange_must_wake_(&x->facts->worker_sleeps_);
}
static inline bool sl_exchange_must_wake_parent(sl_exchange *x) {
  return sl_exchange_must_wake_(&x->facts->parent_sleeps_);
}

#ifdef __cplusplus
}
#endif
#endif /* SL_EXCHANGE_H */
