# Installs the build tree BUILD into a fresh prefix below WORK, moves it, then configures, builds and runs this folder's
# project against it; what the project prints must be expected.txt. Needs also: CONFIG, COMPILER, GENERATOR, VERSION.
cmake_minimum_required(VERSION 3.25)

function(run)
    execute_process(COMMAND ${ARGV} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(REMOVE_RECURSE "${WORK}")
run("${CMAKE_COMMAND}" --install "${BUILD}" --config "${CONFIG}" --prefix "${WORK}/first" --strip)
# Moved, so that no path of the build or of the first place can be what makes it work.
file(RENAME "${WORK}/first" "${WORK}/prefix")

run("${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}" -B "${WORK}/build" -G "${GENERATOR}"
    "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_BUILD_TYPE=${CONFIG}" "-DCMAKE_PREFIX_PATH=${WORK}/prefix"
    "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic -Werror -Wno-error=maybe-uninitialized")
run("${CMAKE_COMMAND}" --build "${WORK}/build" --parallel 1)

file(READ "${CMAKE_CURRENT_LIST_DIR}/expected.txt" expected)
string(REPLACE "@version@" "${VERSION}" expected "${expected}")
foreach(program IN ITEMS consumer consumer_of_all)
    execute_process(COMMAND "${WORK}/build/${program}" OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
    if(NOT output STREQUAL expected)
        message(FATAL_ERROR "${program} printed\n${output}\nexpected was\n${expected}")
    endif()
endforeach()

# The README's policy: what it prints stands there too.
execute_process(COMMAND "${WORK}/build/own_policy" OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
if(NOT output STREQUAL "mean wait: easy 495 s, mine 714 s\n")
    message(FATAL_ERROR "own_policy printed\n${output}")
endif()

execute_process(COMMAND "${WORK}/build/examples" WORKING_DIRECTORY "${WORK}" OUTPUT_VARIABLE output
    RESULT_VARIABLE status)
if(NOT status EQUAL 0)
    message(FATAL_ERROR "an example ended with status ${status}\n${output}")
endif()

# The queue as processes.
execute_process(COMMAND "${WORK}/build/mm1" OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
if(NOT output STREQUAL "mean wait 3.157 s, theory 3.200 s\n")
    message(FATAL_ERROR "mm1 printed\n${output}")
endif()

# The installed program runs from where it was moved to, and finds its libraries.
set(program "${WORK}/prefix/bin/ampacity")
if(EXISTS "${program}")
    execute_process(COMMAND "${program}" --version OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
    string(FIND "${output}" "${VERSION}" at)
    if(at EQUAL -1)
        message(FATAL_ERROR "ampacity --version printed\n${output}")
    endif()
    # A plug-in: a project of its own, which links nothing of the package.
    run("${CMAKE_COMMAND}" -S "${CMAKE_CURRENT_LIST_DIR}/plugin" -B "${WORK}/plugin" -G "${GENERATOR}"
        "-DCMAKE_CXX_COMPILER=${COMPILER}" "-DCMAKE_BUILD_TYPE=${CONFIG}" "-DCMAKE_PREFIX_PATH=${WORK}/prefix"
        "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic -Werror")
    run("${CMAKE_COMMAND}" --build "${WORK}/plugin" --parallel 1)
    execute_process(COMMAND "${program}" run "${WORK}/prefix/share/ampacity/scenarios/quickstart.yaml"
        --plugin "${WORK}/plugin/libpatient.so" --policy patient --set scheduler.policy_options.patience_s=3600
        -o "${WORK}/out" OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
    string(FIND "${output}" "policy patient" at)
    if(at EQUAL -1)
        message(FATAL_ERROR "ampacity run with a plug-in printed\n${output}")
    endif()
    # And its models, beside it.
    execute_process(COMMAND "${program}" describe helios-like OUTPUT_VARIABLE output COMMAND_ERROR_IS_FATAL ANY)
    string(FIND "${output}" "${WORK}/prefix/share/ampacity/models/workloads/helios-like.yaml" at)
    if(at EQUAL -1)
        message(FATAL_ERROR "ampacity describe helios-like printed\n${output}")
    endif()
endif()
file(REMOVE_RECURSE "${WORK}")
