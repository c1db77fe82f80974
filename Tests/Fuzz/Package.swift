// swift-tools-version: 6.1
// A package of its own, since it is built with libFuzzer and AddressSanitizer: `make fuzz`.
import PackageDescription

let package = Package(
  name: "fuzz",
  dependencies: [.package(name: "sluice", path: "../..")],
  targets: [
    .target(name: "CFuzzer"),
    .executableTarget(
      name: "fuzz-exchange",
      dependencies: [
        "CFuzzer", .product(name: "Sluice", package: "sluice"), .product(name: "CSluice", package: "sluice"),
      ],
      swiftSettings: [.unsafeFlags(["-sanitize=fuzzer", "-parse-as-library"])],
      linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])]),
  ],
  swiftLanguageModes: [.v6]
)
