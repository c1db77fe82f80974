import Glibc

/// Settings of the C library's allocator.
enum Allocator {
  /// Lets all threads share two heaps. By default each thread gets one, up to eight for each core, and
  /// each keeps what it once held: pieces of files are allocated by whichever thread reads and freed by
  /// another, so the heaps of seventy threads would add up to several times what is in use.
  ///
  /// To be called before there are threads. A C library without the setting is left as it is.
  static func shareHeaps() {
    // Swift does not see <malloc.h>.
    guard let symbol = dlsym(nil, "mallopt") else { return }
    typealias Function = @convention(c) (_ parameter: CInt, _ value: CInt) -> CInt
    let heapLimit: CInt = -8  // M_ARENA_MAX
    _ = unsafeBitCast(symbol, to: Function.self)(heapLimit, 2)
  }
}
