#ifndef PERFRING_BINDING_UV_ABI_H_
#define PERFRING_BINDING_UV_ABI_H_

// Declarations of the libuv functions that a poller calls. node exports the functions, but uv.h is missing in
// node-api-headers. The ABI of libuv 1.x is stable; handles are opaque here, and uv_handle_size() returns their size.
// With PERFRING_REAL_UV the real header is included instead. The native tests are compiled with it, so a declaration
// that differs from the real one is a compile error.

#include <cstddef>

#ifdef PERFRING_REAL_UV

#include <uv.h>

static_assert(UV_POLL == 8 && UV_READABLE == 1, "must equal the constants below");

#else

extern "C" {

struct uv_loop_s;
struct uv_handle_s;
struct uv_poll_s;
using uv_loop_t = uv_loop_s;
using uv_handle_t = uv_handle_s;
using uv_poll_t = uv_poll_s;
using uv_handle_type = unsigned int;
using uv_close_cb = void (*)(uv_handle_t* handle);
using uv_poll_cb = void (*)(uv_poll_t* handle, int status, int events);

size_t uv_handle_size(uv_handle_type type);
void uv_handle_set_data(uv_handle_t* handle, void* data);
void* uv_handle_get_data(const uv_handle_t* handle);
int uv_poll_init(uv_loop_t* loop, uv_poll_t* handle, int fd);
int uv_poll_start(uv_poll_t* handle, int events, uv_poll_cb callback);
int uv_poll_stop(uv_poll_t* handle);
void uv_close(uv_handle_t* handle, uv_close_cb callback);
void uv_ref(uv_handle_t* handle);
void uv_unref(uv_handle_t* handle);
}

inline constexpr uv_handle_type UV_POLL = 8;
inline constexpr int UV_READABLE = 1;

#endif

#endif  // PERFRING_BINDING_UV_ABI_H_
