#ifndef PERFRING_SYSTEM_TRACEFS_H_
#define PERFRING_SYSTEM_TRACEFS_H_

#include <string>

#include "system/system_error.h"

namespace perfring::system {

// Whether this can name a tracepoint, or the directory of a category: one path component.
bool IsTracefsName(const std::string& name);

// The id of a tracepoint, for perf_event_attr.config. It is taken from a mounted tracefs, or, where none is
// visible, from one that is mounted for this call alone and nowhere in the file tree. -ENOENT: no such tracepoint.
OrErrno<int> TracepointId(const std::string& category, const std::string& name);

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_TRACEFS_H_
