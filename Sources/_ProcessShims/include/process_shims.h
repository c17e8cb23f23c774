// Calls of Linux that Swift's Glibc module lacks.
#ifndef V6_PROCESS_SHIMS_H
#define V6_PROCESS_SHIMS_H

#include <sys/types.h>

// Real, effective and saved user and group, on all threads; 0 or -1 with errno.
int v6_set_user(uid_t user);
int v6_set_group(gid_t group);
// No program that the process starts can gain rights.
int v6_no_new_privileges(void);
// A file that lies in memory and closes with the program: its descriptor, or -1 with errno.
int v6_memory_file(void);
// A pipe whose ends close with the program: the reading end and the writing end; 0, or -1 with errno.
int v6_pipe(int ends[2]);
// Starts a program as the leader of a process group of its own: no signal blocked or ignored, no descriptor but its standard ones, which
// are copies of `standard` (each 3 or above). Its process id, or -1 with errno.
pid_t v6_spawn(const char *path, char *const arguments[], char *const environment[], const char *directory, const int standard[3]);
// No other process of this user can look into this one, and no image of its memory is written when it crashes.
void v6_no_inspection(void);
// A file on the folder's disk that never has a name: its descriptor, or -1 with errno where the file system has none such.
int v6_nameless_file(const char *folder);
// As mkstemp, closed in programs that the process starts.
int v6_named_file(char *pattern);

#endif
