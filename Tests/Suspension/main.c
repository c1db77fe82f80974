/* main.c: runs the subjects, or those that the arguments name (their names in subjects.h). */
#include "subjects.h"

#include <stdio.h>
#include <string.h>

static const struct {
  const char *name;
  void (*test)(void);
} subjects[] = {
#define SUBJECT_(name) {#name, test_##name},
    SUBJECTS(SUBJECT_)};

static int is_wanted(const char *name, int argc, char **argv) {
  if (argc == 1) return 1;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], name) == 0) return 1;
  }
  return 0;
}

int main(int argc, char **argv) {
  int run = 0;
  for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
    if (!is_wanted(subjects[i].name, argc, argv)) continue;
    subjects[i].test();
    run++;
  }
  if (run == 0) {
    fputs("no such subject; there are:", stderr);
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) fprintf(stderr, " %s", subjects[i].name);
    fputs("\n", stderr);
    return 2;
  }
  printf("suspension: ok\n");
  return 0;
}
