// swift-tools-version: 6.1
import PackageDescription

/// One system-library target per pkg-config file of FFmpeg, so that a target links only what it imports.
func ffmpeg(_ name: String, _ package: String) -> Target {
    .systemLibrary(name: name, pkgConfig: package, providers: [.apt(["\(package)-dev"])])
}

let package = Package(
    name: "ssat-live",
    products: [
        .executable(name: "ssat-live", targets: ["ssat-live"]),
        .library(name: "SSATCore", targets: ["SSATCore"]),
        .library(name: "Video", targets: ["Video"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    ],
    targets: [
        ffmpeg("CFFmpegFormat", "libavformat"),
        ffmpeg("CFFmpegCodec", "libavcodec"),
        ffmpeg("CFFmpegUtil", "libavutil"),
        ffmpeg("CFFmpegScale", "libswscale"),
        ffmpeg("CFFmpegResample", "libswresample"),
        // C only because the vector intrinsics are C. -O3 in debug builds too: an unoptimized kernel is useless.
        .target(name: "CKernels", cSettings: [.unsafeFlags(["-O3", "-ffp-contract=off", "-fno-math-errno"])]),
        // The trained weights, embedded with C23 #embed, so that the binary is self-contained.
        .target(name: "EmbeddedModels"),
        .target(name: "SSATCore", dependencies: ["CKernels", "EmbeddedModels"]),
        .target(
            name: "Video",
            dependencies: ["CFFmpegFormat", "CFFmpegCodec", "CFFmpegUtil", "CFFmpegScale", "CFFmpegResample"]),
        .systemLibrary(name: "CVideo4Linux"),
        .target(name: "Capture", dependencies: ["CVideo4Linux", "Video"]),
        .executableTarget(
            name: "ssat-live",
            dependencies: [
                "SSATCore", "Video", "Capture",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .target(name: "TestSupport", path: "Tests/TestSupport"),
        .target(name: "AllocationCounter", path: "Tests/AllocationCounter"),
        .testTarget(name: "CKernelsTests", dependencies: ["CKernels", "TestSupport"]),
        .testTarget(name: "VideoTests", dependencies: ["Video", "CFFmpegUtil", "TestSupport"]),
        .testTarget(name: "CaptureTests", dependencies: ["Capture", "CVideo4Linux", "Video"]),
        .testTarget(name: "EndToEndTests", dependencies: ["ssat-live", "TestSupport"]),
        .testTarget(name: "SSATCoreTests", dependencies: ["SSATCore", "Video", "AllocationCounter", "TestSupport"], resources: [.copy("Fixtures")]),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c2x
)
