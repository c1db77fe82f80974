/*
 * A program that uses each queue from C11 and from C++17: Scripts/check-headers.sh compiles it as
 * either, and runs both.
 */
#include "CSluice.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define CHECK(condition)                                                                           \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                              \
      exit(1);                                                                                     \
    }                                                                                              \
  } while (0)

static void use_spsc_ring(void) {
  static sl_spsc_ring ring;
  int elements[4];
  size_t slot;
  CHECK(sl_spsc_ring_slots(3) == 4);
  sl_spsc_ring_init(&ring, 3, UINT64_MAX - 2);
  for (int i = 0; i < 3; i++) {
    CHECK(sl_spsc_ring_try_claim(&ring, &slot));
    elements[slot] = i;
    sl_spsc_ring_commit(&ring);
  }
  CHECK(!sl_spsc_ring_try_claim(&ring, &slot) && sl_spsc_ring_count(&ring) == 3);
  for (int i = 0; i < 3; i++) {
    CHECK(sl_spsc_ring_try_take(&ring, &slot) && elements[slot] == i);
    sl_spsc_ring_release(&ring);
  }
  CHECK(!sl_spsc_ring_try_take(&ring, &slot));
}

static void use_spmc_ring(void) {
  static sl_spmc_ring ring;
  int element;
  CHECK(sl_spmc_ring_init(&ring, 3, sizeof element, UINT64_MAX - 2) == 0);
  CHECK(sl_spmc_ring_room(&ring, 4) == 3);
  for (int i = 0; i < 3; i++) sl_spmc_ring_put(&ring, (size_t)i, &i, sizeof i);
  sl_spmc_ring_publish(&ring, 3);
  CHECK(sl_spmc_ring_room(&ring, 1) == 0 && sl_spmc_ring_count(&ring) == sl_spmc_ring_capacity(&ring));
  for (int i = 0; i < 3; i++) CHECK(sl_spmc_ring_try_take(&ring, &element, sizeof element) && element == i);
  CHECK(!sl_spmc_ring_try_take(&ring, &element, sizeof element) && sl_spmc_ring_passed(&ring) == 0);
  sl_spmc_ring_destroy(&ring);
}

static void use_mpmc_ring(void) {
  static sl_mpmc_ring ring;
  sl_mpmc_ticket ticket;
  CHECK(sl_mpmc_ring_init(&ring, 3, sizeof(int), sizeof(int), UINT64_MAX - 2) == 0);
  for (int i = 0; i < 3; i++) {
    CHECK(sl_mpmc_ring_try_claim(&ring, &ticket));
    *(int *)sl_mpmc_ring_element(ticket, sizeof(int)) = i;
    sl_mpmc_ring_commit(ticket);
  }
  CHECK(!sl_mpmc_ring_try_claim(&ring, &ticket) && sl_mpmc_ring_count(&ring) == 3);
  for (int i = 0; i < 3; i++) {
    CHECK(sl_mpmc_ring_try_take(&ring, &ticket));
    CHECK(*(int *)sl_mpmc_ring_element(ticket, sizeof(int)) == i);
    sl_mpmc_ring_release(ticket);
  }
  CHECK(!sl_mpmc_ring_try_take(&ring, &ticket));
  sl_mpmc_ring_destroy(&ring);
}

static void use_order_ring(void) {
  static sl_order_ring ring;
  sl_order_ticket ticket;
  CHECK(sl_order_ring_init(&ring, 3, sizeof(int), sizeof(int), UINT64_MAX) == 0);
  for (uint64_t i = 2; i < 3; i--) {
    CHECK(sl_order_ring_has_room(&ring, i - 1));
    *(int *)sl_order_ring_place(&ring, i - 1, sizeof(int)) = (int)i;
    if (i == 1)
      sl_order_ring_skip(&ring, i - 1);
    else
      sl_order_ring_commit(&ring, i - 1);
    CHECK(sl_order_ring_written(&ring, i - 1) == (i == 0));
  }
  CHECK(!sl_order_ring_has_room(&ring, 2) && sl_order_ring_span(&ring, 1) == 3);
  for (int i = 0; i < 3; i++) {
    CHECK(sl_order_ring_try_take(&ring, &ticket) == (i == 1 ? SL_ORDER_HOLE : SL_ORDER_ELEMENT));
    CHECK(i == 1 || *(int *)sl_order_ring_element(ticket, sizeof(int)) == i);
    sl_order_ring_release(&ring, ticket);
    CHECK(sl_order_ring_released(&ring) == (i < 2));
  }
  CHECK(sl_order_ring_try_take(&ring, &ticket) == SL_ORDER_NOTHING);
  sl_order_ring_destroy(&ring);
}

/* 100,000 elements: some 50 segments, so that the reclaimer is at work when main returns. */
static void use_unbounded_queue(void) {
  sl_unbounded_queue *queue = sl_unbounded_queue_create(sizeof(int), sizeof(int));
  sl_unbounded_ticket ticket;
  CHECK(queue != NULL);
  for (int i = 0; i < 100000; i++) {
    CHECK(sl_unbounded_queue_claim(queue, &ticket) == SL_OK);
    *(int *)ticket.element = i;
    CHECK(sl_unbounded_queue_commit(queue, &ticket));
  }
  CHECK(sl_unbounded_queue_count(queue) == 100000);
  for (int i = 0; i < 100000; i++) {
    CHECK(sl_unbounded_queue_try_take(queue, &ticket) == SL_OK && *(int *)ticket.element == i);
    sl_unbounded_queue_release(queue, &ticket);
  }
  CHECK(sl_unbounded_queue_try_take(queue, &ticket) == SL_EMPTY);
  sl_unbounded_queue_destroy(queue);
}

/* A parent and a worker in one process: an item and its answer, with both events and the socket. */
static void use_exchange(void) {
  const uint64_t bytes = sl_exchange_segment_bytes(256, 256);
  int32_t segment, event, sent[1], arrived[1], ends[2], error;
  void *memory, *again;
  sl_exchange parent, worker;
  sl_exchange_record record;
  CHECK(sl_segment_create(bytes, &segment, &memory) == 0 && sl_segment_map(segment, bytes, &again) == 0);
  sl_exchange_init(&parent, memory, 256, 256);
  CHECK(sl_exchange_open(&worker, again, bytes));
  CHECK(sl_event_create(&event) == 0);

  sl_exchange_worker_sleeps(&worker);
  CHECK(!sl_exchange_start(&worker));
  char *place = sl_exchange_reserve(&parent, 2, 7, 0);
  CHECK(place != NULL);
  place[0] = 'h', place[1] = 'i';
  sl_exchange_put(&parent, 2);
  sl_exchange_admit(&parent, 1);
  CHECK(sl_exchange_must_wake_worker(&parent));
  sl_event_signal(event);
  CHECK(sl_wait_descriptors(event, -1, -1, -1) == SL_WAIT_EVENT);

  CHECK(sl_exchange_start(&worker));
  record = sl_exchange_request(&worker);
  CHECK(record.bytes == 2 && record.kind == 7 && record.payload[0] == 'h' && record.payload[1] == 'i');
  sl_exchange_took(&worker, &record);
  place = sl_exchange_respond(&worker, 1, 8, 0);
  CHECK(place != NULL);
  *place = '!';
  sl_exchange_commit(&worker, 1);

  CHECK(sl_exchange_look(&parent, &record) == SL_EXCHANGE_RECORD && record.kind == 8 && *record.payload == '!');
  sl_exchange_next(&parent, &record);
  sl_exchange_release(&parent);
  CHECK(sl_exchange_look(&parent, &record) == SL_EXCHANGE_NOTHING);
  CHECK(sl_exchange_started(&parent) == 1 && sl_exchange_recall(&parent, 1) == 0);

  CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0);
  sent[0] = segment;
  size_t count = 1;
  CHECK(sl_socket_send(ends[0], "x", 1, sent, 1, true) == 0);
  char byte;
  CHECK(sl_socket_receive(ends[1], &byte, 1, arrived, &count, true, &error) == 1 && count == 1 && byte == 'x');
  void *third;
  CHECK(sl_segment_map(arrived[0], bytes, &third) == 0);
  CHECK(!sl_process_is_worker());
  sl_descriptor_close(ends[0]);
  CHECK(sl_socket_is_hung_up(ends[1]));
  int32_t all[] = {ends[1], arrived[0], segment, event};
  for (int i = 0; i < 4; i++) sl_descriptor_close(all[i]);
  sl_segment_unmap(memory, bytes);
  sl_segment_unmap(again, bytes);
  sl_segment_unmap(third, bytes);
}

int main(void) {
  use_spsc_ring();
  use_spmc_ring();
  use_mpmc_ring();
  use_order_ring();
  use_unbounded_queue();
  use_exchange();
  return 0;
}
