#define _GNU_SOURCE
#include "process_shims.h"
#include <fcntl.h>
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
