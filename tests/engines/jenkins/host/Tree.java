package host;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Files of a workspace by Ant's patterns. */
final class Tree {
    private Tree() {}

    /** Copy what a list of patterns includes and another does not exclude; how many files that were. */
    static int copy(Path from, Path to, String includes, String excludes) throws IOException {
        int count = 0;
        for (Path file : files(from)) {
            String name = from.relativize(file).toString();
            if (matches(name, includes) && !matches(name, excludes)) {
                Path place = to.resolve(name);
                Files.createDirectories(place.getParent());
                Files.copy(file, place, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.COPY_ATTRIBUTES, LinkOption.NOFOLLOW_LINKS);
                count++;
            }
        }
        return count;
    }

    static void delete(Path folder) throws IOException {
        if (Files.exists(folder)) {
            try (Stream<Path> every = Files.walk(folder)) {
                for (Path one : every.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(one);
                }
            }
        }
    }

    private static List<Path> files(Path folder) throws IOException {
        try (Stream<Path> every = Files.walk(folder)) {
            return every.filter(one -> !Files.isDirectory(one, LinkOption.NOFOLLOW_LINKS)).toList();
        }
    }

    private static boolean matches(String name, String patterns) {
        for (String pattern : patterns.split(",")) {
            if (!pattern.isBlank() && name.matches(expression(pattern.trim()))) {
                return true;
            }
        }
        return false;
    }

    private static String expression(String pattern) {
        StringBuilder made = new StringBuilder("(?s)");
        for (int i = 0; i < pattern.length(); i++) {
            if (pattern.startsWith("**/", i)) {
                made.append("(?:.*/)?");
                i += 2;
            } else if (pattern.startsWith("**", i)) {
                made.append(".*");
                i += 1;
            } else {
                char one = pattern.charAt(i);
                made.append(one == '*' ? "[^/]*" : one == '?' ? "[^/]" : Pattern.quote(String.valueOf(one)));
            }
        }
        return made.toString();
    }
}
