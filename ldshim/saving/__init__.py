"""LDSHIM_SAVE_DIR: a directory for each link that holds what is needed to run it again elsewhere, and to report a bug.

Three processes make such a link.  The first (`record`) saves the inputs and starts the second through subprocess-tee; the second (`relay`)
forks the third, which links as always, and passes its output on in a form that subprocess-tee leaves alone (`output`).  So everything is
recorded that can be seen from outside: messages of ours and of the linker's, a traceback, a signal.

record     the order of things, and what is written beside the inputs
originals  the files that a command line names, and the command line that names the copies
output     what subprocess-tee is given, and what becomes of it
relay      the second process, and what the third tells of the rewritten inputs
replay     the script that runs the link again, and the text that says what is there
"""
