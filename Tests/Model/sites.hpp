/*
 * sites.hpp: all uses of atomic operations that the tests have come to, how each can be weakened, and those
 * in the sources that no test has come to.
 */
#ifndef SL_MODEL_SITES_HPP
#define SL_MODEL_SITES_HPP

#include "model.hpp"

namespace model {

/* Shared by all processes: each test runs in one of its own. Call it before anything else. */
void share_sites();

/* In the order of files and lines. Of the files under test only: those whose names begin with sl_; but of tests too
 * the process-wide barriers, which stand for those that the engine passes. */
std::vector<site *> all_sites();

std::vector<mutation> mutations_of(const site *s);

std::string name_of(const site *s);
std::string name_of(const mutation &m);

/* "FILE:LINE OPERATION ORDER" for each use in the .h and .c files of these folders that no test has reached. */
std::vector<std::string> unreached_sites(const std::vector<std::string> &folders);

}  // namespace model

#endif
