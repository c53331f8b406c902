"""The course's tensor part prints what PyTorch prints."""

import pathlib
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).parent


class Course(unittest.TestCase):
    def test_prints_the_expected_text(self):
        done = subprocess.run([sys.executable, HERE / "course.py"], capture_output=True, text=True)
        self.assertEqual(done.stderr, "")
        self.assertEqual(done.stdout, (HERE / "course.expected").read_text())
