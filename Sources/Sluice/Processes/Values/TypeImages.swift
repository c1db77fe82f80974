import CSluice

/// The types that the images of this process declare, by where their descriptors stand. It is read from the lists
/// that the compiler leaves in each image (section `swift5_type_metadata`): what is not in them is no descriptor,
/// whatever another process says.
final class TypeImages: Sendable {
  struct Image: Sendable {
    let base: UInt
    /// Of the whole layout and of the list of types; the same in every process of one build.
    let fingerprint: UInt64
    /// Addresses of descriptors.
    let descriptors: Set<UInt>
  }

  private let images: [Image]

  /// Those of the images that are loaded now. Some milliseconds where there are many types.
  private init() {
    let sections = Sections()
    enumerateMetadataSections(
      { start, context in
        guard let start, let context else { return true }
        Unmanaged<Sections>.fromOpaque(context).takeUnretainedValue().append(start)
        return true
      }, Unmanaged.passUnretained(sections).toOpaque())
    images = sections.lists.compactMap(Self.image)
  }

  private static let loaded = Locked<TypeImages?>(nil)

  /// What `body` finds in the images; they are listed again if it finds nothing, as others may have been loaded.
  static func find<Found>(_ body: (TypeImages) -> Found?) -> Found? {
    if let known = loaded.withLock({ $0 }), let found = body(known) { return found }
    let images = TypeImages()
    loaded.withLock { $0 = images }
    return body(images)
  }

  /// The image that declares a type.
  func image(of descriptor: TypeDescriptor) -> Image? {
    images.first { $0.descriptors.contains(UInt(bitPattern: descriptor.start)) }
  }

  /// The descriptor at an offset that somebody has named; nil if none stands there.
  func descriptor(_ fingerprint: UInt64, offset: UInt64) -> TypeDescriptor? {
    for image in images where image.fingerprint == fingerprint {
      let address = image.base &+ UInt(offset)
      if image.descriptors.contains(address), let start = UnsafeRawPointer(bitPattern: address) {
        return TypeDescriptor(start: start)
      }
    }
    return nil
  }

  // MARK: Lists

  private final class Sections {
    var lists: [UnsafeRawBufferPointer] = []

    /// `start` is a `swift::MetadataSections`: a version, three words, then ranges as start and length; that of the
    /// types is the third.
    func append(_ start: UnsafeRawPointer) {
      guard start.load(as: UInt.self) >= 1 else { return }
      let list = start.load(fromByteOffset: 64, as: UnsafeRawPointer?.self)
      let byteCount = start.load(fromByteOffset: 72, as: Int.self)
      if let list, byteCount >= 4 { lists.append(UnsafeRawBufferPointer(start: list, count: byteCount)) }
    }
  }

  private static func image(_ list: UnsafeRawBufferPointer) -> Image? {
    guard let start = list.baseAddress else { return nil }
    var found = sl_image()
    guard sl_image_find(start, &found) else { return nil }
    var descriptors: Set<UInt> = []
    for offset in stride(from: 0, to: list.count - 3, by: 4) {
      let relative = list.load(fromByteOffset: offset, as: Int32.self)
      let target = start + offset + Int(relative & ~3)
      switch relative & 3 {
      case 0: descriptors.insert(UInt(bitPattern: target))
      case 1:
        if let indirect = target.load(as: UnsafeRawPointer?.self) {
          descriptors.insert(UInt(bitPattern: indirect))
        }
      default: break
      }
    }
    return Image(
      base: found.base, fingerprint: sl_fingerprint(found.fingerprint, start, list.count),
      descriptors: descriptors)
  }
}

/// Calls `body` with the metadata sections of each image, until it says false. The Swift runtime has it for this
/// purpose (swift-testing finds tests by it).
@_silgen_name("swift_enumerateAllMetadataSections")
private func enumerateMetadataSections(
  _ body: @convention(c) (UnsafeRawPointer?, UnsafeMutableRawPointer?) -> Bool,
  _ context: UnsafeMutableRawPointer)
