/* sl_descriptors.c: the descriptors of sl_process.h: events, sockets, and memory to hand over. */
#include "sl_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void sl_descriptor_close(int32_t descriptor) {
  if (descriptor >= 0) close(descriptor);
}

/* ---- Events -------------------------------------------------------------------------------- */

int sl_event_create(int32_t *descriptor) {
  *descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return *descriptor < 0 ? errno : 0;
}

void sl_event_signal(int32_t descriptor) {
  uint64_t one = 1;
  ssize_t written;
  do {
    written = write(descriptor, &one, sizeof one); /* full: it is readable anyway */
  } while (written < 0 && errno == EINTR);
}

void sl_event_reset(int32_t descriptor) {
  uint64_t count;
  ssize_t got;
  do {
    got = read(descriptor, &count, sizeof count);
  } while (got < 0 && errno == EINTR);
}

uint32_t sl_wait_descriptors(int32_t event, int32_t pidfd, int32_t socket, int32_t milliseconds) {
  struct pollfd polled[3] = {{event, POLLIN, 0}, {pidfd, POLLIN, 0}, {socket, POLLIN, 0}};
  if (poll(polled, 3, milliseconds) <= 0) return 0;
  uint32_t bits = 0;
  if (polled[0].revents != 0) bits |= SL_WAIT_EVENT;
  if (polled[1].revents != 0) bits |= SL_WAIT_ENDED;
  if (polled[2].revents != 0) bits |= SL_WAIT_SOCKET;
  return bits;
}

/* ---- Sockets ------------------------------------------------------------------------------- */

enum { MOST_DESCRIPTORS = 250 }; /* the system's limit for one message is 253 */

int sl_socket_send(int32_t socket, const void *bytes, size_t count, const int32_t *descriptors,
                   size_t descriptor_count, bool waits) {
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(MOST_DESCRIPTORS * sizeof(int))];
  } control;
  struct iovec part = {(void *)(uintptr_t)bytes, count};
  struct msghdr message;
  memset(&message, 0, sizeof message);
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (descriptor_count > MOST_DESCRIPTORS) return EINVAL;
  if (descriptor_count > 0) {
    size_t length = descriptor_count * sizeof(int);
    memset(&control, 0, sizeof control);
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(length);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(length);
    memcpy(CMSG_DATA(header), descriptors, length);
  }
  ssize_t sent;
  do {
    sent = sendmsg(socket, &message, MSG_NOSIGNAL | (waits ? 0 : MSG_DONTWAIT));
  } while (sent < 0 && errno == EINTR);
  return sent < 0 ? errno : 0;
}

ptrdiff_t sl_socket_receive(int32_t socket, void *bytes, size_t capacity, int32_t *descriptors,
                            size_t *descriptor_count, bool waits, int *error) {
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(MOST_DESCRIPTORS * sizeof(int))];
  } control;
  struct iovec part = {bytes, capacity};
  struct msghdr message;
  memset(&message, 0, sizeof message);
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = &control;
  message.msg_controllen = sizeof control;
  ssize_t got;
  do {
    got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | (waits ? 0 : MSG_DONTWAIT));
  } while (got < 0 && errno == EINTR);
  size_t kept = 0, most = *descriptor_count;
  *descriptor_count = 0;
  if (got < 0) {
    *error = errno;
    return -1;
  }
  for (struct cmsghdr *h = CMSG_FIRSTHDR(&message); h != NULL; h = CMSG_NXTHDR(&message, h)) {
    if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS) continue;
    size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int one;
      memcpy(&one, CMSG_DATA(h) + i * sizeof one, sizeof one);
      if (kept < most && (message.msg_flags & MSG_TRUNC) == 0) descriptors[kept++] = one;
      else close(one);
    }
  }
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    while (kept > 0) close(descriptors[--kept]);
    *error = EMSGSIZE;
    return -1;
  }
  *descriptor_count = kept;
  return got;
}

bool sl_socket_is_hung_up(int32_t socket) {
  struct pollfd polled = {socket, 0, 0};
  return poll(&polled, 1, 0) > 0 && (polled.revents & (POLLHUP | POLLERR)) != 0;
}

void sl_socket_shut_down(int32_t socket) { shutdown(socket, SHUT_RDWR); }

/* ---- Memory -------------------------------------------------------------------------------- */

enum { SIZE_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL };

static int map(int descriptor, uint64_t bytes, void **memory) {
  *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  return *memory == MAP_FAILED ? errno : 0;
}

int sl_segment_create(uint64_t bytes, int32_t *descriptor, void **memory) {
  if (bytes == 0 || bytes > INT64_MAX) return EINVAL;
  int made = memfd_create("sluice", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (made < 0) return errno;
  int error;
  do {
    error = fallocate(made, 0, 0, (off_t)bytes) == 0 ? 0 : errno;
  } while (error == EINTR);
  if (error == 0 && fcntl(made, F_ADD_SEALS, SIZE_SEALS) != 0) error = errno;
  if (error == 0) error = map(made, bytes, memory);
  if (error != 0) close(made);
  else *descriptor = made;
  return error;
}

int sl_segment_map(int32_t descriptor, uint64_t bytes, void **memory) {
  struct stat facts;
  int seals = fcntl(descriptor, F_GET_SEALS);
  if (seals < 0 || (seals & SIZE_SEALS) != SIZE_SEALS || fstat(descriptor, &facts) != 0) return EINVAL;
  if (bytes == 0 || (uint64_t)facts.st_size != bytes || (uint64_t)facts.st_blocks < bytes / 512) return EINVAL;
  return map(descriptor, bytes, memory);
}

void sl_segment_unmap(void *memory, uint64_t bytes) { munmap(memory, bytes); }
