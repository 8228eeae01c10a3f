#ifndef PERFRING_SYSTEM_TRACEFS_H_
#define PERFRING_SYSTEM_TRACEFS_H_

#include <string>

#include "system/system_error.h"

namespace perfring::system {

// Whether `name` is one path component, and so can name a tracepoint or the directory of a category.
bool IsTracefsName(const std::string& name);

// The id of a tracepoint, for perf_event_attr.config. It is read from a mounted tracefs. If none is visible, a tracefs
// is mounted for this call only, outside the file tree. -ENOENT: no such tracepoint.
OrErrno<int> TracepointId(const std::string& category, const std::string& name);

}  // namespace perfring::system

#endif  // PERFRING_SYSTEM_TRACEFS_H_
