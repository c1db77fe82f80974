/*
 * sl_exchange_rings.h: the segment that a parent and one worker process share, and its two rings of records.
 *
 * Algorithm. Two rings of bytes between one writer and one reader each, which hold records one after the other:
 * requests go to the worker, responses come back. How far the responses go is a position in their ring; how far
 * the requests go is not, but follows from how many items the parent has admitted (sl_exchange.h).
 *
 *     segment:  | facts | admission | parent's line | worker's line | asleep | asleep | requests | responses
 *     ring:     | header, payload | header, payload | … | pad |        headers and payloads at multiples of 8
 *     header:   payload bytes (32 bits), kind (16), user (16)
 *
 * A record lies in one piece: where the ring's end leaves too little, a pad record fills it. Positions
 * count bytes and only grow; a ring's size is a power of two.
 *
 * Source. Rings between two that copy each other's position: Lamport, "Proving the Correctness of
 * Multiprocess Programs" (1977).
 *
 * Trust. The parent trusts nothing that the worker may have written: it reads each shared field once,
 * checks it, and uses what it has read. A position that cannot be, a record beyond it, a length that
 * does not fit: SL_EXCHANGE_BROKEN, and the parent gives that worker up. Nothing that the parent needs
 * to find its own way (its positions, the sizes) is read back from the segment.
 *
 * Progress. Everything is wait-free, whatever the other side does or writes.
 *
 * Orderings.
 *   [XC2] worker, store release request_head -> parent, load acquire: the old request has been read
 *         before it is written over.
 *   [XC3] worker, store release response_tail -> parent, load acquire: the response is visible.
 *   [XC4] parent, store release response_head -> worker, load acquire: the old response has been read
 *         before it is written over.
 * [XC1] and [XC5], on admission and close, and [XC6], on sleeping, for which some of these are seq_cst, are
 * sl_exchange.h's.
 *
 * What excludes what. One thread at a time on each side.
 *
 * Invariants. 0 <= tail - head <= the ring's size, for each ring, in arithmetic modulo 2^64.
 *
 * A dead worker. What it published in the response ring is there; everything else of the segment is
 * thrown away.
 */
#ifndef SL_EXCHANGE_RINGS_H
#define SL_EXCHANGE_RINGS_H

#include "sl_atomic.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SL_EXCHANGE_MAGIC UINT64_C(0x53c1ce0fe8c4a96e)
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

/* ---- Records ----------------------------------------------------------------------------- */

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

/* ---- Parent: requests -------------------------------------------------------------------- */

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

/* ---- Parent: responses ------------------------------------------------------------------- */

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

/* ---- Worker ------------------------------------------------------------------------------ */

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

#ifdef __cplusplus
}
#endif
#endif /* SL_EXCHANGE_RINGS_H */
