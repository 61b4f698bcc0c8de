/* Runs the glamm program as a user does, and keeps what it said. */
#ifndef GM_PROGRAM_H
#define GM_PROGRAM_H

/* Where tests of the program write; emptied by clean_output. */
#define OUTPUT "build/tests/program"

/* The printf text as a shell command in which $G is the program; stdout and stderr go to files.
 * Returns the exit status; the test fails when a signal ended the command. */
int shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What the last command wrote; "" when nothing.  Valid until the next call of the same function. */
const char *said(void);
const char *complained(void);
void clean_output(void);
/* FOLDER/NAME holds text; the test fails when it cannot be written. */
void write_file(const char *folder, const char *name, const char *text);

#endif
