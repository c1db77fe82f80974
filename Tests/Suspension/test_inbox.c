/*
 * sl_inbox.h: whoever stops, be it in the middle of a put, keeps no other node out, and the taker from no other. But a
 * node whose putter has stopped before it was linked counts as in, and is not taken out until that putter goes on.
 */
#include "subjects.h"
#include "suspension.h"

#include "sl_inbox.h"

#include <stdio.h>

/* Nodes of the team, which all of it puts; the disturber's, the victim's, and one more for the end. */
enum { SHARED, OF_DISTURBER = SHARED + 2, OF_VICTIM, LAST_WORDS, NODES };

typedef enum { PUT, TAKE } operation;

typedef struct {
  const char *name;
  int in; /* nodes that are in before, the victim's being the last of these */
} situation;

typedef struct {
  operation operation;
  const situation *situation;
  sl_inbox inbox;
  sl_inbox_node nodes[NODES];
  uint32_t puts[NODES], takes[NODES]; /* puts that were not refused */
} books;

static void put(books *b, int node) {
  uint64_t before = suspension_begin();
  if (sl_inbox_put(&b->inbox, &b->nodes[node])) __atomic_fetch_add(&b->puts[node], 1, __ATOMIC_SEQ_CST);
  suspension_end(before);
}

static void take(books *b) {
  sl_inbox_node *node = sl_inbox_take_all(&b->inbox);
  while (node != NULL) {
    __atomic_fetch_add(&b->takes[node - b->nodes], 1, __ATOMIC_SEQ_CST);
    node = sl_inbox_take_out(node);
  }
}

static void set_up(void *context) {
  static const int in[] = {SHARED, OF_VICTIM};
  books *b = (books *)context;
  sl_inbox_init(&b->inbox);
  for (int i = 0; i < NODES; i++) {
    sl_inbox_node_init(&b->nodes[i], NULL);
    b->puts[i] = b->takes[i] = 0;
  }
  for (int i = 0; i < b->situation->in; i++) put(b, in[i]);
}

static void run(void *context) {
  books *b = (books *)context;
  if (b->operation == TAKE) return take(b);
  if (sl_inbox_put(&b->inbox, &b->nodes[OF_VICTIM])) __atomic_fetch_add(&b->puts[OF_VICTIM], 1, __ATOMIC_SEQ_CST);
}

/* The taker is the last one, unless it is the victim. */
static void work(void *context, unsigned index) {
  books *b = (books *)context;
  bool takes = index == SUSPENSION_TEAM - 1 && b->operation == PUT;
  for (int n = 0; n < SUSPENSION_OPERATIONS / SUSPENSION_TEAM; n++) {
    if (takes)
      take(b);
    else
      put(b, SHARED + n % 2);
  }
}

static void others(void *context) {
  books *b = (books *)context;
  suspension_team(SUSPENSION_TEAM, work, b);
  put(b, LAST_WORDS);
  if (b->operation == TAKE) return;
  take(b);
  for (int i = 0; i < NODES; i++) {
    if (i != OF_VICTIM && b->takes[i] != b->puts[i]) suspension_fail("node %d is lost while another's putter stops", i);
  }
}

static const char *const disturbances[] = {"a put", "a put of the same node", "a take", "all of these", NULL};

static void disturb(void *context, unsigned which) {
  books *b = (books *)context;
  if (which == 0 || which == 3) put(b, OF_DISTURBER);
  if (which == 1 || which == 3) put(b, OF_VICTIM);
  if (which >= 2 && b->operation == PUT) take(b);
}

static void tear_down(void *context) {
  books *b = (books *)context;
  take(b);
  for (int i = 0; i < NODES; i++) {
    if (b->takes[i] != b->puts[i]) suspension_fail("node %d: in %u times, out %u times", i, b->puts[i], b->takes[i]);
    put(b, i);
  }
  take(b);
  for (int i = 0; i < NODES; i++) {
    if (b->takes[i] != b->puts[i] || b->takes[i] == 0) suspension_fail("node %d stays in", i);
  }
}

void test_inbox(void) {
  static const situation situations[] = {{"empty", 0}, {"one is in", 1}, {"the victim's is in", 2}};
  static const char *const names[] = {"put", "take all"};
  static books b;
  for (int o = 0; o < 2; o++) {
    suspension_tally tally = {0, 0, 0};
    for (int s = 0; s < 3; s++) {
      b.operation = (operation)o;
      b.situation = &situations[s];
      suspension_case c = {
          .subject = "sl_inbox",
          .operation = names[o],
          .situation = situations[s].name,
          .context = &b,
          .set_up = set_up,
          .run = run,
          .others = others,
          .tear_down = tear_down,
          .disturbances = disturbances,
          .disturb = disturb,
          /* One to take all, and one for each that was in. */
          .most_steps = b.operation == TAKE ? 1 + NODES : 0,
      };
      suspension_sweep(&c, &tally);
    }
    char remark[64] = "";
    if (b.operation == TAKE) snprintf(remark, sizeof remark, " (wait-free: 1 and 1 for each node)");
    suspension_report("sl_inbox", names[o], 3, &tally, remark);
  }
}
