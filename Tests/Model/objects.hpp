/*
 * objects.hpp: memory for records with atomics or handed-on fields in them, which relacy has to see made
 * and unmade.
 */
#ifndef SL_MODEL_OBJECTS_HPP
#define SL_MODEL_OBJECTS_HPP

#include "model.hpp"

namespace model {

#undef new
template <typename T> T *make() { return ::new (rl::rl_malloc(sizeof(T), $)) T(); }

template <typename T> void unmake(T *object) {
  if (object == nullptr) return;
  object->~T();
  rl::rl_free(object, $);
}

}  // namespace model

#endif
