#ifndef PERFRING_TEST_NATIVE_CHECK_H_
#define PERFRING_TEST_NATIVE_CHECK_H_

#include <functional>
#include <string>

namespace perfring::test {

// Registers a test at start-up: `const Test name("what it shows", [] { … });`
class Test {
 public:
  Test(std::string title, std::function<void()> body);
};

// Records a failure of the running test and continues the test.
void Fail(const char* file, int line, const std::string& what);

// Counts the running test as skipped and prints what this machine lacks for it.
void Skip(const std::string& missing);

// Runs all tests in the order of registration. Returns the exit code.
int RunAll();

template <typename Actual, typename Expected>
void CheckEqual(const char* file, int line, const char* expression, const Actual& actual, const Expected& expected) {
  if (!(actual == expected)) {
    Fail(file, line, std::string(expression) + " is " + std::to_string(actual) + ", not " + std::to_string(expected));
  }
}

}  // namespace perfring::test

#define CHECK(condition) \
  ((condition) ? static_cast<void>(0) : perfring::test::Fail(__FILE__, __LINE__, #condition))
#define CHECK_EQ(actual, expected) perfring::test::CheckEqual(__FILE__, __LINE__, #actual, actual, expected)

#endif  // PERFRING_TEST_NATIVE_CHECK_H_
