// Scripting tests
