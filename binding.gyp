# The same addon as CMakeLists.txt builds: one target, one list of sources (test/unit/build-files.test.ts compares
# them). node-gyp builds it where there is no cmake.
{
  "targets": [
    {
      "target_name": "perfring",
      "sources": [
        "native/addon.cc",
        "native/binding/arguments.cc",
        "native/binding/bpf_ids.cc",
        "native/binding/bpf_link.cc",
        "native/binding/bpf_map.cc",
        "native/binding/bpf_object.cc",
        "native/binding/bpf_object_link.cc",
        "native/binding/bpf_object_load.cc",
        "native/binding/bpf_program.cc",
        "native/binding/bpf_ring.cc",
        "native/binding/cursor.cc",
        "native/binding/environment.cc",
        "native/binding/host.cc",
        "native/binding/mapped_ring.cc",
        "native/binding/perf_event.cc",
        "native/binding/poller.cc",
        "native/binding/result.cc",
        "native/binding/ring_group.cc",
        "native/binding/sample_query.cc",
        "native/binding/user_ring.cc",
        "native/binding/watched.cc",
        "native/system/bpf.cc",
        "native/system/bpf_ids.cc",
        "native/system/bpf_object.cc",
        "native/system/bpf_ring.cc",
        "native/system/epoll_set.cc",
        "native/system/glibc_floor.cc",
        "native/system/guarded_buffer.cc",
        "native/system/host.cc",
        "native/system/libbpf.cc",
        "native/system/mapped_ranges.cc",
        "native/system/mapped_ring.cc",
        "native/system/memory_mapping.cc",
        "native/system/perf_event.cc",
        "native/system/ring_group.cc",
        "native/system/sample_field.cc",
        "native/system/sample_query.cc",
        "native/system/sample_query_parse.cc",
        "native/system/sample_walk.cc",
        "native/system/thread_affinity.cc",
        "native/system/timer.cc",
        "native/system/tracefs.cc",
        "native/system/user_ring.cc"
      ],
      "include_dirs": ["native", "<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": [
        "NAPI_VERSION=9",
        "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS",
        "NODE_ADDON_API_DISABLE_DEPRECATED"
      ],
      "cflags": ["-fvisibility=hidden"],
      "cflags_cc": [
        "-std=c++20",
        "-Wall",
        "-Wextra",
        "-Wconversion",
        "-Werror",
        "-O2",
        "-fno-exceptions",
        "-fstack-protector-strong",
        "-ffunction-sections",
        "-fdata-sections",
        "-fvisibility=hidden",
        "-fvisibility-inlines-hidden"
      ],
      "ldflags": [
        "-static-libstdc++",
        "-static-libgcc",
        "-Wl,--gc-sections",
        "-Wl,-z,relro,-z,now",
        # From build, where make runs: an absolute path would be cut at its first space.
        "-Wl,--version-script=../native/exports.map"
      ]
    }
  ]
}
