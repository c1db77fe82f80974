/* core-probe: probe.h in a program that uses the C core alone: there is nothing that a worker would do. */
#include "../probe.h"
