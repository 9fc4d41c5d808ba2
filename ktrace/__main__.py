from ktrace.cli import main

main()
