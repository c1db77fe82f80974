import CSluice
import Glibc

/// What a parent tells a worker first, and what the worker answers. Each side checks that the other is of the
/// same version, lays shared memory out in the same way, and is the same program.
enum WorkerHandOver {
  static let version: UInt32 = 1
  private static let magic: UInt64 = 0x51_7ce0_9d4b_a3e6

  /// With four descriptors: the segment, the worker's event, the parent's event, and the setup.
  struct Hello {
    var magic = WorkerHandOver.magic
    var version = WorkerHandOver.version
    var layout = UInt32(MemoryLayout<sl_exchange_facts>.size)
    var program = sl_program_id()
    var segmentBytes: UInt64 = 0
    var setupBytes: UInt64 = 0

    static let descriptors = 4

    /// Why the other side is none to work with; nil: it is.
    var objection: String? {
      if magic != WorkerHandOver.magic { return "it is no hand-over of a stage" }
      if version != WorkerHandOver.version {
        return "it has version \(version), and not \(WorkerHandOver.version)"
      }
      if layout != UInt32(MemoryLayout<sl_exchange_facts>.size) {
        return "its shared memory is laid out otherwise"
      }
      if program != sl_program_id() { return "it is another program, or another build of it" }
      return nil
    }
  }

  /// Followed by a reason in UTF-8, if the worker refuses.
  struct Reply {
    var magic = WorkerHandOver.magic
    var version = WorkerHandOver.version
    var isReady: UInt32 = 1
    var program = sl_program_id()

    var objection: String? {
      if magic != WorkerHandOver.magic { return "its answer is none" }
      if version != WorkerHandOver.version {
        return "it has version \(version), and not \(WorkerHandOver.version)"
      }
      if program != sl_program_id() { return "it is another program, or another build of it" }
      return nil
    }
  }

  static let longestReason = 4_096
}

/// Which stage a worker runs, and how it is set up: what a stage encodes, and its type, so that the same
/// program finds it again.
@usableFromInline
struct WorkerSetup: Sendable {
  @usableFromInline enum Form: UInt8, Sendable { case stage, branch, join }

  /// Form, length of the identity, identity, configuration.
  let bytes: [UInt8]

  init(form: Form, identity: [UInt8], configuration: [UInt8]) {
    var bytes = [form.rawValue]
    withUnsafeBytes(of: UInt32(identity.count)) { bytes += $0 }
    bytes += identity
    bytes += configuration
    self.bytes = bytes
  }

  /// The parts of such bytes.
  static func parts(_ bytes: UnsafeRawBufferPointer) -> (
    form: Form, identity: [UInt8], configuration: UnsafeRawBufferPointer
  )? {
    guard bytes.count >= 5, let form = Form(rawValue: bytes[0]) else { return nil }
    let length = Int(bytes.loadUnaligned(fromByteOffset: 1, as: UInt32.self))
    guard length <= bytes.count - 5 else { return nil }
    return (form, Array(bytes[5..<(5 + length)]), UnsafeRawBufferPointer(rebasing: bytes[(5 + length)...]))
  }
}

/// Why there is no worker.
enum WorkerStartError: Error {
  /// The system refused something.
  case system(what: String, errno: Int32)
  /// The worker is there, and cannot run the stage.
  case refused(String)
  /// It ended before it was ready.
  case died(WorkerDied.Cause)
  /// The run ended meanwhile.
  case abandoned

  var reason: String {
    switch self {
    case .system(let what, let error): "\(what) failed: \(String(cString: strerror(error)))"
    case .refused(let why): "a worker process refused the stage: \(why)"
    case .died(.signal(let number)): "its worker processes end while they start, by signal \(number)"
    case .died(.exit(let code)): "its worker processes end while they start, by exit(\(code))"
    case .died: "its worker processes end while they start"
    case .abandoned: "the run has ended"
    }
  }
}
