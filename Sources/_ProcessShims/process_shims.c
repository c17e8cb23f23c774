#define _GNU_SOURCE
#include "process_shims.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

int v6_set_user(uid_t user) { return setresuid(user, user, user); }
int v6_set_group(gid_t group) { return setresgid(group, group, group); }
int v6_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }
void v6_no_inspection(void) { prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }
int v6_memory_file(void) { return memfd_create("v6-flower", MFD_CLOEXEC); }
int v6_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }
int v6_nameless_file(const char *folder) { return open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600); }
int v6_named_file(char *pattern) { return mkostemp(pattern, O_CLOEXEC); }

pid_t v6_spawn(const char *path, char *const arguments[], char *const environment[], const char *directory, const int standard[3])
{
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    int problem = posix_spawn_file_actions_addchdir_np(&actions, directory);
    for (int place = 0; place < 3; place++)
        problem = problem ? problem : posix_spawn_file_actions_adddup2(&actions, standard[place], place);
    problem = problem ? problem : posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    pid_t child = -1;
    problem = problem ? problem : posix_spawn(&child, path, &actions, &attributes, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    errno = problem;
    return problem ? -1 : child;
}
