#ifndef PERFRING_BINDING_UV_ABI_H_
#define PERFRING_BINDING_UV_ABI_H_

// The few functions of libuv that a poller needs. node exports them, but the header is not everywhere that
// node_api.h is (node-api-headers has no uv.h), and of libuv 1.x the ABI is frozen: handles stay opaque here, and
// uv_handle_size() says how large they are. PERFRING_REAL_UV takes the real header instead: the native tests compile
// with it, so that a declaration that differs does not go unseen.

#include <cstddef>

#ifdef PERFRING_REAL_UV

#include <uv.h>

static_assert(UV_POLL == 8 && UV_READABLE == 1, "the numbers below");

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
